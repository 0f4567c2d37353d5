/**
 * Batches of fixed shapes, prepared ahead of the device. The order is a pure function of seed and epoch, so a
 * run that goes on at a cursor sees what the interrupted run would have seen.
 *
 * Images that are broken or missing are set aside, counted and told, never skipped in silence; above the
 * limit the epoch ends with a DataError. A training batch takes another image in their place (drawn by seed,
 * epoch and place, so again the same each time); an evaluation batch has fewer rows that count.
 */

import type { Augmentation } from '../config/index.ts';
import { DataError, derive, RemoteError, type Size, type TaskName } from '../core/index.ts';
import {
  createProcessor,
  type ImageProcessor,
  largestSize,
  type ProcessorConfig,
  pixelMask,
} from '../vision/index.ts';
import { tooManyBad } from './assemble.ts';
import { batchShapes, type Draw, planBatches, shapeNumbers, smallestShape } from './batch-plan.ts';
import { SamplePool } from './pool.ts';
import type { PrepareResult } from './prepare.ts';
import { createSampler, type EpochOrder, type SamplerKind } from './sampler.ts';
import { Concurrency } from './streaming/concurrency.ts';
import { localShuffle } from './streaming/local-shuffle.ts';
import { planReads } from './streaming/plan-reads.ts';
import { Reach } from './streaming/reach.ts';
import { ReadAhead } from './streaming/read-ahead.ts';
import type { Batch, Dataset, PreparedSample, SetAside } from './types.ts';

export interface LoaderOptions {
  readonly dataset: Dataset;
  readonly task: TaskName;
  /** The checkpoint's `preprocessor_config.json`. */
  readonly processorConfig: ProcessorConfig;
  readonly batchSize: number;
  /** `sequential` (the default) is for evaluation. */
  readonly sampler?: SamplerKind;
  readonly augmentations?: readonly Augmentation[];
  readonly seed?: number;
  /** Threads that decode and process; 0: this one. Results don't depend on it. */
  readonly threads?: number;
  /** Batches that are prepared ahead, at least 1; left out: 2, more for small batches. */
  readonly prefetch?: number;
  /** Reads of far pictures at a time, at most (64); how many it takes is found out. */
  readonly connections?: number;
  /** Bytes of far pictures that are fetched ahead at most, on their way or waiting (160 MB). */
  readonly readAheadBytes?: number;
  /** Share of the data set's images that may be set aside. */
  readonly maxBadFraction?: number;
  readonly signal?: AbortSignal;
  /** Called once for each image that is set aside, when its batch is handed out. */
  readonly onSetAside?: (image: SetAside) => void;
}

/** How well the loader keeps up. */
export interface LoaderStatistics {
  batches: number;
  images: number;
  /** Batches that were not ready when they were asked for, without the first of an epoch. */
  waits: number;
  waitMs: number;
  /** Reads of far pictures, or of several at once (shards), their bytes, and the most of both at a time. */
  reads: number;
  readBytes: number;
  mostReads: number;
  mostReadBytes: number;
}

/** What became of one place in the epoch: a sample, and the images that were met on the way and can't be used. */
interface Slot {
  readonly sample?: PreparedSample;
  readonly bad: readonly (readonly [index: number, image: SetAside])[];
}

/** So many other images are tried in place of one that can't be used. */
const substitutes = 20;

export class Loader {
  readonly batchesPerEpoch: number;
  /** The shapes that batches may have. */
  readonly shapes: readonly Size[];
  readonly statistics: LoaderStatistics = {
    batches: 0,
    images: 0,
    waits: 0,
    waitMs: 0,
    reads: 0,
    readBytes: 0,
    mostReads: 0,
    mostReadBytes: 0,
  };
  private readonly options: LoaderOptions;
  private readonly processor: ImageProcessor;
  private readonly order: EpochOrder;
  private readonly shapeNumber: Uint8Array;
  private readonly pool: SamplePool;
  private readonly bad = new Map<number, SetAside>();
  private fullMask = new Uint8Array();
  /** What was learned of the network. */
  private readonly concurrency: Concurrency;
  private readonly reach: Reach;

  constructor(options: LoaderOptions) {
    const { dataset, task, batchSize, sampler = 'sequential', seed = 0, threads = 0 } = options;
    this.options = options;
    this.processor = createProcessor(options.processorConfig);
    this.shapes = batchShapes(this.processor);
    // In evaluation the file's order is worth more than tight batches.
    this.shapeNumber =
      sampler === 'sequential'
        ? new Uint8Array(dataset.records.length)
        : shapeNumbers(dataset.records, this.shapes, this.processor);
    this.order = createSampler(sampler, dataset, seed);
    this.concurrency = new Concurrency(
      options.connections === undefined ? {} : { most: options.connections },
    );
    this.reach = new Reach(dataset);
    this.batchesPerEpoch = Math.ceil(dataset.records.length / batchSize);
    this.pool = new SamplePool(
      {
        processorConfig: options.processorConfig,
        augmentations: options.augmentations ?? [],
        task,
        seed,
        categoryIds: dataset.classes.categories.map(({ id }) => id),
      },
      threads,
    );
  }

  /** Threads that work; 0 where the work runs in this one. */
  get threads(): number {
    return this.pool.threads;
  }

  private get writesRows(): boolean {
    return this.shapes.length === 1 && !this.processor.pads && this.pool.threads === 0;
  }

  /** What was set aside until now, in the order in which it was met. */
  get setAside(): readonly SetAside[] {
    return [...this.bad.values()];
  }

  /** The batches of an epoch from number `cursor` on. Breaking out of the loop ends the work ahead. */
  async *epoch(epoch: number, cursor = 0): AsyncGenerator<Batch, void, void> {
    const stop = new AbortController();
    const { signal } = this.options;
    const forward = (): void => {
      stop.abort(signal?.reason);
      this.pool.drop();
    };
    signal?.throwIfAborted();
    signal?.addEventListener('abort', forward);
    const plan = planBatches(this.order(epoch), this.shapeNumber, this.options.batchSize);
    const reads = this.readAhead(plan.slice(cursor).flat(), epoch, stop.signal);
    const ahead: Promise<Slot[]>[] = [];
    let next = cursor;
    const fill = (): void => {
      while (next < plan.length && ahead.length < this.prefetch) {
        const work = this.prepareBatch(plan[next++]!, epoch, stop.signal, reads);
        // It is awaited in its turn; until then a failure must not count as unhandled.
        work.catch(() => {});
        ahead.push(work);
      }
    };
    try {
      fill();
      for (let position = cursor; position < plan.length; position++) {
        const slots = await this.timed(ahead.shift()!, position === cursor);
        const batch = this.assemble(position, slots);
        fill();
        if (batch) {
          this.statistics.batches++;
          this.statistics.images += batch.count;
          yield batch;
        }
      }
    } finally {
      signal?.removeEventListener('abort', forward);
      stop.abort();
      if (ahead.length > 0) this.pool.drop();
      await Promise.allSettled(ahead);
      this.count(reads);
    }
  }

  /** Ends the threads. */
  async dispose(): Promise<void> {
    await this.pool.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** Enough batches to keep every thread busy, and few enough to fit in memory. */
  private get prefetch(): number {
    const { prefetch, batchSize } = this.options;
    return Math.max(1, prefetch ?? Math.max(2, Math.ceil((2 * this.pool.threads) / batchSize)));
  }

  /** Pictures that threads can't read by themselves are fetched ahead of the batches. */
  private readAhead(draws: readonly Draw[], epoch: number, signal: AbortSignal): ReadAhead | undefined {
    const { dataset, sampler, seed = 0, readAheadBytes } = this.options;
    const [first] = draws;
    if (!first || dataset.open(dataset.records[first.index]!).elsewhere) return undefined;
    const ends = sampler === 'shuffle' ? localShuffle(dataset, seed)?.epoch(epoch).ends : undefined;
    return new ReadAhead({
      dataset,
      reads: planReads(draws, dataset, ends && ((place) => ends.findIndex((end) => place < end))),
      signal,
      concurrency: this.concurrency,
      ...(readAheadBytes !== undefined && { memory: readAheadBytes }),
    });
  }

  private count(reads: ReadAhead | undefined): void {
    if (!reads) return;
    const { statistics } = this;
    statistics.reads += reads.statistics.reads;
    statistics.readBytes += reads.statistics.bytes;
    statistics.mostReads = Math.max(statistics.mostReads, reads.statistics.mostReads);
    statistics.mostReadBytes = Math.max(statistics.mostReadBytes, reads.statistics.mostBytes);
  }

  private prepareBatch(
    draws: readonly Draw[],
    epoch: number,
    signal: AbortSignal,
    reads: ReadAhead | undefined,
  ): Promise<Slot[]> {
    const rows = this.batchRows();
    return Promise.all(draws.map((draw, row) => this.prepareDraw(draw, epoch, signal, reads, rows?.[row])));
  }

  /** Where there is one shape and no thread in between, samples are written where the batch will have them. */
  private batchRows(): Float32Array[] | undefined {
    if (!this.writesRows) return undefined;
    const { batchSize } = this.options;
    const shape = this.shapes[0]!;
    const length = 3 * shape.height * shape.width;
    const batch = new Float32Array(batchSize * length);
    return Array.from({ length: batchSize }, (_, row) => batch.subarray(row * length, (row + 1) * length));
  }

  /** The image that is drawn, or in training the first good one of those drawn in its place. */
  private async prepareDraw(
    draw: Draw,
    epoch: number,
    signal: AbortSignal,
    reads: ReadAhead | undefined,
    memory?: Float32Array,
  ): Promise<Slot> {
    const { dataset, sampler = 'sequential', seed = 0 } = this.options;
    const random = derive(seed, 'substitute', epoch, draw.place);
    const tries = sampler === 'sequential' ? 0 : substitutes;
    const bad: [number, SetAside][] = [];
    let { index } = draw;
    for (let attempt = 0; attempt <= tries; attempt++) {
      if (this.bad.has(index)) {
        if (attempt === 0) reads?.skip(draw.place);
      } else {
        const fetched = attempt === 0 ? reads : undefined;
        const result = await this.prepareOne(index, epoch, draw.place, signal, fetched, memory);
        if ('sample' in result) return { sample: result.sample, bad };
        const { id, fileName } = dataset.records[index]!;
        bad.push([index, { imageId: id, fileName, ...result.bad }]);
      }
      index = random.integer(dataset.records.length);
    }
    return { bad };
  }

  private async prepareOne(
    index: number,
    epoch: number,
    place: number,
    signal: AbortSignal,
    reads: ReadAhead | undefined,
    memory?: Float32Array,
  ): Promise<PrepareResult> {
    const { dataset } = this.options;
    const record = dataset.records[index]!;
    const source = dataset.open(record);
    const from = reads
      ? { path: source.path, size: () => source.size(), read: () => reads.take(place) }
      : source;
    try {
      const result = await this.pool.prepare(from, { record, index, epoch, place, memory }, signal);
      this.reach.came(index);
      return result;
    } catch (error) {
      // One picture that can't be had is set aside; when nothing comes any more, it is not the pictures.
      if (error instanceof RemoteError) await this.reach.missed(error, signal);
      else if (!(error instanceof DataError)) throw error;
      return { bad: { code: error.code, reason: error.received } };
    }
  }

  /** One batch of a fixed shape; undefined when no image of it can be used. */
  private assemble(position: number, slots: readonly Slot[]): Batch | undefined {
    this.countBad(slots.flatMap(({ bad }) => bad));
    const real = slots.flatMap(({ sample }) => (sample ? [sample] : []));
    if (real.length === 0) return undefined;
    const { batchSize } = this.options;
    const rows = Array.from({ length: batchSize }, (_, i) => real[i % real.length]!);
    const sizes = rows.map(({ size }) => size);
    const shape = smallestShape(this.shapes, sizes) ?? largestSize(sizes);
    const pixelValues = inPlace(rows, batchSize) ?? this.stack(rows, shape);
    return {
      position,
      indices: rows.map(({ index }) => index),
      imageIds: rows.map(({ imageId }) => imageId),
      pixelValues,
      pixelMask: this.mask(sizes, shape),
      shape: [batchSize, 3, shape.height, shape.width],
      samples: rows.map(({ pixelValues: _, ...sample }) => sample),
      count: real.length,
    };
  }

  private stack(rows: readonly PreparedSample[], shape: Size): Float32Array {
    const { pixelValues } = this.processor.collate(
      rows.map(({ pixelValues, size, originalSize }) => ({ pixelValues, size, originalSize })),
      shape,
    );
    // Rows of a batch share their memory, which the device may still read.
    if (!this.writesRows) for (const sample of new Set(rows)) this.pool.recycle(sample.pixelValues);
    return pixelValues;
  }

  /** Batches without padding share one mask. */
  private mask(sizes: readonly Size[], shape: Size): Uint8Array {
    const { height, width } = shape;
    if (sizes.some((size) => size.height !== height || size.width !== width)) return pixelMask(sizes, shape);
    const length = sizes.length * height * width;
    if (this.fullMask.length !== length) this.fullMask = new Uint8Array(length).fill(1);
    return this.fullMask;
  }

  private countBad(images: readonly (readonly [number, SetAside])[]): void {
    const { dataset, maxBadFraction = 0.05, onSetAside } = this.options;
    for (const [index, image] of images) {
      if (this.bad.has(index)) continue;
      this.bad.set(index, image);
      onSetAside?.(image);
    }
    const all = [...dataset.setAside, ...this.bad.values()];
    const total = dataset.records.length + dataset.setAside.length;
    if (this.bad.size > 0 && all.length > maxBadFraction * total) {
      const { failure } = this.reach;
      const refused = [...this.bad.values()].filter(({ code }) => code === failure?.code).length;
      // Most of them are whole, for all we know, and can't be had.
      if (failure && 2 * refused >= this.bad.size) throw failure;
      throw tooManyBad(dataset.source, all, total, maxBadFraction);
    }
  }

  private async timed(work: Promise<Slot[]>, first: boolean): Promise<Slot[]> {
    const start = performance.now();
    const slots = await work;
    const ms = performance.now() - start;
    if (!first && ms > 1) {
      this.statistics.waits++;
      this.statistics.waitMs += ms;
    }
    return slots;
  }
}

/** The memory behind samples that were written one after the other and fill a batch; undefined otherwise. */
function inPlace(rows: readonly PreparedSample[], batchSize: number): Float32Array | undefined {
  const { buffer, length } = rows[0]!.pixelValues;
  if (buffer.byteLength !== batchSize * length * 4) return undefined;
  const fits = rows.every(
    ({ pixelValues }, row) => pixelValues.buffer === buffer && pixelValues.byteOffset === row * length * 4,
  );
  return fits ? new Float32Array(buffer) : undefined;
}
