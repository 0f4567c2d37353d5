/**
 * Emscripten's modules put handlers of their own on the process (`uncaughtException`, `unhandledRejection`)
 * that throw again from another place, which loses the exit code and doubles the message. A module that is
 * loaded through here leaves the process as it found it.
 */
export async function withoutNewProcessListeners<T>(load: () => Promise<T>): Promise<T> {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => process.listeners(event as 'uncaughtException'));
  try {
    return await load();
  } finally {
    events.forEach((event, i) => {
      for (const listener of process.listeners(event as 'uncaughtException'))
        if (!before[i]!.includes(listener)) process.off(event, listener);
    });
  }
}
