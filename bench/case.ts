/**
 * What a measurement is. A case is one file in this folder with one row in the table of main.ts; it does its
 * work, interleaved with its peers (the same work, same machine, same process tree), and reports medians. How
 * it measures stands in the head of its file.
 */

/** One printed line. Ocelli's own rows have no peer; `ratio` says how many times better Ocelli is than the peer. */
export interface BenchRow {
  readonly case: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: BenchUnit;
  readonly peer?: string;
  readonly ratio?: number;
  /** What the project's goals say about it, on Ocelli's own rows. */
  readonly goals?: readonly string[];
}

/** Units of which less is better, then those of which more is better. */
const lowerIsBetter = ['s', 'ms', 'µs', 'MB', 'kB', 'bytes', 'count'] as const;
const higherIsBetter = ['images', 'images/s', 'GFLOP/s', 'GB/s', 'share', 'steps/s'] as const;
export type BenchUnit = (typeof lowerIsBetter)[number] | (typeof higherIsBetter)[number];

/** From the command line, for the cases that can do with them. */
export interface BenchOptions {
  /** Rounds in which the contenders take turns. */
  readonly rounds?: number | undefined;
  /** Names of peers; left out: all. */
  readonly peers?: readonly string[] | undefined;
  /** Parts of a case: `conv2d` of `kernels`. Left out: all. */
  readonly only?: readonly string[] | undefined;
  /** Training steps of `endurance`. */
  readonly steps?: number | undefined;
  /** Bytes that `memory` fits batches into, in units of 10⁶. */
  readonly budgetMb?: number | undefined;
  /** Command of a Python interpreter with torch. */
  readonly torch?: string | undefined;
}

export interface BenchCase {
  /** `coco-eval`, `step/small`, …: `npm run bench -- step` runs every case below `step/`. */
  readonly name: string;
  run(report: BenchReport, options: BenchOptions): Promise<void>;
  /**
   * Work for a fresh process, for what one process can't measure twice (peak memory, cold starts): `run` spawns
   * `process.execPath [process.argv[1], '--child', name, …]` and reads the JSON of the last line of stdout.
   */
  child?(args: readonly string[]): Promise<unknown>;
}

/** Collects the rows of one case; a peer's ratio comes from our own row of the same metric. */
export class BenchReport {
  private readonly own = new Map<string, number>();

  constructor(
    private readonly caseName: string,
    private readonly emit: (row: BenchRow) => void,
    /** A line for people: what is being done, why a peer is missing. */
    readonly note: (text: string) => void,
  ) {}

  /** A report of its own under another case name, to the same place. */
  of(caseName: string): BenchReport {
    return new BenchReport(caseName, this.emit, this.note);
  }

  /** Ocelli's value; report it before the peers' values of the same metric. */
  ours(metric: string, value: number, unit: BenchUnit, goals: readonly string[] = []): void {
    this.own.set(metric, value);
    this.emit({ case: this.caseName, metric, value, unit, ...(goals.length > 0 ? { goals } : {}) });
  }

  peer(peer: string, metric: string, value: number, unit: BenchUnit): void {
    const ours = this.own.get(metric);
    if (ours === undefined) throw new Error(`${this.caseName}: report ours('${metric}') before ${peer}'s`);
    const ratio = (lowerIsBetter as readonly string[]).includes(unit) ? value / ours : ours / value;
    this.emit({ case: this.caseName, metric, value, unit, peer, ratio });
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Runs each contender `rounds` times in turn (a, b, a, b, …, the order reversed every other round), so that what
 * else the machine does strikes all alike. Returns every result per contender.
 */
export async function interleaved<Name extends string, Result>(
  rounds: number,
  contenders: Readonly<Record<Name, () => Promise<Result>>>,
): Promise<Record<Name, Result[]>> {
  const names = Object.keys(contenders) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Result[]>;
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed())
      results[name].push(await contenders[name]());
  }
  return results;
}
