/** Masks as run lengths: what the functions of this folder speak of. */
import type { Size } from '../../core/index.ts';

/** COCO's JSON form; `counts` is the compressed string or the plain list. `size` is [height, width]. */
export interface Rle {
  readonly size: readonly [height: number, width: number];
  readonly counts: string | readonly number[];
}

/**
 * A binary mask as run lengths of its columns, one column below the other: zeros, ones, zeros, … The first
 * run may be 0; the runs add up to height × width.
 */
export interface Runs extends Size {
  readonly counts: Uint32Array;
}

/** COCO's segmentation: polygons as flat lists x0, y0, x1, y1, …, or RLE. */
export type Segmentation = readonly (readonly number[])[] | Rle;
