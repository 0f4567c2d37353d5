/** The few shapes that every room above speaks of. Pixels; y grows downwards; sizes are (height, width). */

export interface Size {
  readonly height: number;
  readonly width: number;
}

/** An 8-bit RGB image, rows from the top, channels interleaved: `data[(y * width + x) * 3 + c]`. */
export interface Raster extends Size {
  readonly data: Uint8Array;
}

/** COCO's box: left, top, width, height, in pixels, continuous edges. */
export type BoxXywh = readonly [x: number, y: number, width: number, height: number];

/** Corners, in pixels: left, top, right, bottom. */
export type BoxXyxy = readonly [x0: number, y0: number, x1: number, y1: number];
