/**
 * Counts the bytes of tensors: data count from the first tensor that has them to the end of the last. Reshapes and
 * clones share data and count once.
 */
import type * as tf from '../tf.ts';
import { sizeOf } from './shapes.ts';

/** Bytes. */
export interface PeakBytes {
  /** The most alive at once. */
  readonly peak: number;
  /** The largest tensor that there ever was. */
  readonly largest: { readonly shape: readonly number[]; readonly bytes: number };
}

/** More is alive than was asked about. */
export class AboveLimit extends Error {}

export class ByteCount implements PeakBytes {
  peak = 0;
  largest: PeakBytes['largest'] = { shape: [], bytes: 0 };
  private alive = 0;
  private quiet = false;
  private readonly data = new Map<object, { readonly bytes: number; holders: number }>();

  /** @param limit bytes; above them it throws */
  constructor(private readonly limit = Number.POSITIVE_INFINITY) {}

  begin({ dataId, shape, dtype }: tf.Tensor): void {
    const known = this.data.get(dataId);
    if (known) {
      known.holders++;
      return;
    }
    const bytes = sizeOf(shape) * (dtype === 'bool' ? 1 : 4);
    this.data.set(dataId, { bytes, holders: 1 });
    this.alive += bytes;
    this.look();
    if (!this.quiet && bytes > this.largest.bytes) this.largest = { shape: [...shape], bytes };
  }

  /** Only what is left of `work` counts. */
  quietly<T>(work: () => T): T {
    const before = this.quiet;
    this.quiet = true;
    try {
      return work();
    } finally {
      this.quiet = before;
      this.look();
    }
  }

  private look(): void {
    if (this.quiet) return;
    this.peak = Math.max(this.peak, this.alive);
    if (this.peak > this.limit) throw new AboveLimit('above the limit');
  }

  end(dataId: object): void {
    const known = this.data.get(dataId);
    if (!known || --known.holders > 0) return;
    this.data.delete(dataId);
    this.alive -= known.bytes;
  }
}
