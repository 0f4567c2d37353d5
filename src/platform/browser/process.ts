/** A worker has no process whose listeners a library could disturb. */
export async function withoutNewProcessListeners<T>(load: () => Promise<T>): Promise<T> {
  return load();
}
