/**
 * Fetches the pictures of an epoch before they are needed, in the order in which they are, as many at a time as
 * the network rewards (`Concurrency`) and as few as the memory allows: bytes on their way and bytes that wait are
 * counted. What somebody waits for comes first, memory or not, so a limit that is too small makes it slow and never
 * stuck.
 *
 * The order of the reads decides nothing: who asks for a place gets the bytes of that place, so batches are the
 * same however fast the network is. A read that fails fails the pictures that it was for; of several, each is then
 * tried by itself.
 */
import type { Draw } from '../batch-plan.ts';
import type { Dataset } from '../types.ts';
import { Concurrency } from './concurrency.ts';
import type { PlannedRead } from './plan-reads.ts';

export interface ReadAheadOptions {
  readonly dataset: Pick<Dataset, 'records' | 'open' | 'openFile' | 'locate'>;
  readonly reads: readonly PlannedRead[];
  readonly signal: AbortSignal;
  /** Of bytes on their way and bytes that wait, in bytes. */
  readonly memory?: number;
  /** Kept over epochs: what was learned of the network stays. */
  readonly concurrency?: Concurrency;
}

/** What the reads of a loader came to. */
export interface ReadStatistics {
  reads: number;
  bytes: number;
  /** Most bytes at a time that were on their way or waited. */
  mostBytes: number;
  /** Most reads at a time. */
  mostReads: number;
}

const defaultMemory = 160 << 20;
/** Pictures that wait at most: what is fetched too far ahead is lost when a run stops. */
const mostWaiting = 768;
/** Until pictures have told their size. */
const usualBytes = 200 << 10;

interface Item {
  readonly draw: Draw;
  readonly bytes: Promise<Uint8Array>;
  resolve(bytes: Uint8Array): void;
  reject(error: unknown): void;
  /** Bytes that wait to be taken. */
  held: number;
  gone: boolean;
}

export class ReadAhead {
  readonly statistics: ReadStatistics = { reads: 0, bytes: 0, mostBytes: 0, mostReads: 0 };
  private readonly items = new Map<number, Item>();
  private readonly readOf = new Map<number, number>();
  private readonly started: Uint8Array;
  private readonly memory: number;
  private readonly concurrency: Concurrency;
  /** Reads that somebody waits for. */
  private readonly wanted: number[] = [];
  private next = 0;
  private active = 0;
  private waiting = 0;
  private flying = 0;
  private held = 0;
  private average = usualBytes;
  private readonly stops = new Set<AbortController>();

  constructor(private readonly options: ReadAheadOptions) {
    const { reads, memory = defaultMemory, concurrency = new Concurrency() } = options;
    this.memory = memory;
    this.concurrency = concurrency;
    this.started = new Uint8Array(reads.length);
    concurrency.pause();
    options.signal.addEventListener('abort', () => {
      for (const stop of this.stops) stop.abort(options.signal.reason);
    });
    reads.forEach(({ draws }, number) => {
      for (const { place } of draws) this.readOf.set(place, number);
    });
    this.pump();
  }

  /** The bytes of a place in the order, once; they are the caller's then. */
  async take(place: number): Promise<Uint8Array> {
    this.options.signal.throwIfAborted();
    const number = this.readOf.get(place);
    if (number === undefined) throw new Error(`place ${place} is not part of this epoch`);
    const item = this.items.get(place) ?? this.expect({ place, index: this.indexOf(number, place) });
    if (!this.started[number]) {
      this.wanted.push(number);
      this.pump();
    }
    try {
      return await item.bytes;
    } finally {
      this.leave(item);
    }
  }

  /** Nobody will take this place. */
  skip(place: number): void {
    const number = this.readOf.get(place);
    if (number === undefined) return;
    const item = this.items.get(place);
    if (item) this.leave(item);
    else this.readOf.delete(place);
  }

  private leave(item: Item): void {
    if (item.gone) return;
    item.gone = true;
    this.held -= item.held;
    if (item.held > 0) this.waiting--;
    item.held = 0;
    this.items.delete(item.draw.place);
    this.pump();
  }

  private pump(): void {
    const { reads, signal } = this.options;
    while (!signal.aborted && this.active < this.concurrency.limit) {
      const first = this.wanted.shift();
      if (first !== undefined) {
        this.start(first);
        continue;
      }
      while (this.started[this.next]) this.next++;
      if (this.next >= reads.length) return;
      const room = this.memory - this.held - this.flying;
      if (this.sizeOf(reads[this.next]!) > room || this.waiting + this.active > mostWaiting) {
        // Who takes pictures is slower than the network.
        this.concurrency.pause();
        return;
      }
      this.start(this.next);
    }
  }

  private sizeOf({ bytes, draws }: PlannedRead): number {
    return bytes ?? this.average * draws.length;
  }

  private indexOf(number: number, place: number): number {
    return this.options.reads[number]!.draws.find((draw) => draw.place === place)!.index;
  }

  private start(number: number): void {
    const read = this.options.reads[number]!;
    if (this.started[number]) return;
    this.started[number] = 1;
    const items = read.draws
      .filter(({ place }) => this.readOf.has(place))
      .map((draw) => this.items.get(draw.place) ?? this.expect(draw));
    if (items.length === 0) return;
    let expected = this.sizeOf(read);
    const land = (): void => {
      this.flying -= expected;
      expected = 0;
    };
    // A signal of its own: each read listens to it, and they are many.
    const stop = new AbortController();
    this.stops.add(stop);
    this.active++;
    this.flying += expected;
    this.note();
    void this.fetch(read, items, stop.signal, land)
      .then(
        (bytes) => this.concurrency.add(bytes, performance.now()),
        (error: unknown) => {
          for (const item of items) item.reject(error);
        },
      )
      .finally(() => {
        this.active--;
        this.stops.delete(stop);
        land();
        this.pump();
      });
  }

  private expect(draw: Draw): Item {
    let resolve!: (bytes: Uint8Array) => void;
    let reject!: (error: unknown) => void;
    const bytes = new Promise<Uint8Array>((fulfil, fail) => {
      resolve = fulfil;
      reject = fail;
    });
    // It is awaited in its turn; until then a failure must not count as unhandled.
    bytes.catch(() => {});
    const item: Item = { draw, bytes, resolve, reject, held: 0, gone: false };
    this.items.set(draw.place, item);
    return item;
  }

  /** Reads and hands out; returns how many bytes came. */
  private async fetch(
    { range }: PlannedRead,
    items: readonly Item[],
    signal: AbortSignal,
    land: () => void,
  ): Promise<number> {
    const { dataset } = this.options;
    const alone = async (item: Item): Promise<number> => {
      const bytes = await dataset.open(dataset.records[item.draw.index]!).read(undefined, signal);
      this.average += (bytes.length - this.average) / 16;
      land();
      this.arrive(item, bytes);
      return bytes.length;
    };
    this.statistics.reads++;
    if (!range || items.length === 1) return alone(items[0]!);
    const { file, start, end } = range;
    let whole: Uint8Array;
    try {
      whole = await dataset.openFile!(file).read({ start, end }, signal);
    } catch {
      signal.throwIfAborted();
      // One bad spot must not cost its neighbours.
      this.statistics.reads += items.length;
      const lengths = items.map((item) =>
        alone(item).catch((reason: unknown) => {
          item.reject(reason);
          return 0;
        }),
      );
      return (await Promise.all(lengths)).reduce((sum, length) => sum + length, 0);
    }
    land();
    for (const item of items) {
      const at = dataset.locate!(dataset.records[item.draw.index]!)!;
      this.arrive(item, whole.slice(at.start - start, at.end - start));
    }
    return end - start;
  }

  private arrive(item: Item, bytes: Uint8Array): void {
    this.statistics.bytes += bytes.length;
    if (!item.gone) {
      item.held = bytes.length;
      this.held += bytes.length;
      if (bytes.length > 0) this.waiting++;
      this.note();
    }
    item.resolve(bytes);
  }

  private note(): void {
    const { statistics } = this;
    statistics.mostBytes = Math.max(statistics.mostBytes, this.held + this.flying);
    statistics.mostReads = Math.max(statistics.mostReads, this.active);
  }
}
