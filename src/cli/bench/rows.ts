/** What `ocelli bench` prints: one measurement per row, the form of the repository's own bench runner. */
export interface BenchRow {
  readonly case: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
}

export interface BenchContext {
  readonly device: 'auto' | 'webgpu' | 'wasm' | 'cpu';
  readonly signal: AbortSignal;
  /** Whose training steps are measured: a file, a run folder, or a recipe that ships (quickstart). */
  readonly recipe?: string | undefined;
  row(row: BenchRow): void;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
