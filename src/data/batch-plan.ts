/**
 * Which images share a batch, and what shape the batch has. A training step is recorded per shape, so there
 * are few: one where the processor gives one size; for processors that keep the aspect ratio (DETR) the
 * shapes of landscape and portrait pictures at some common ratios. Images of one shape are put together where
 * their sizes are known beforehand.
 */
import type { Size } from '../core/index.ts';
import type { ImageProcessor } from '../vision/index.ts';
import type { ImageRecord } from './types.ts';

/** Long side over short side: square, 4:3, 3:2; the processor's limit comes on top. */
const ratios = [1, 4 / 3, 3 / 2];
/** Sides are rounded up to this many pixels: strides of backbones and tiles of kernels. */
const multiple = 16;

/** The shapes that a processor's batches may have, in ascending order of their areas. */
export function batchShapes(processor: Pick<ImageProcessor, 'outputSize' | 'pads'>): readonly Size[] {
  const square = processor.outputSize({ height: 1000, width: 1000 });
  const wide = processor.outputSize({ height: 1000, width: 100_000 });
  const tall = processor.outputSize({ height: 100_000, width: 1000 });
  const oneSize = square.height === wide.height && square.width === wide.width;
  if (!processor.pads || oneSize) return [square];
  const short = roundUp(Math.max(square.height, square.width));
  const longest = roundUp(Math.max(wide.width, tall.height, square.width, square.height));
  const sides = [...new Set(ratios.map((ratio) => Math.min(longest, roundUp(short * ratio)))), longest];
  const shapes = new Map<string, Size>();
  const add = (height: number, width: number): void =>
    void shapes.set(`${height}x${width}`, { height, width });
  for (const side of sides) {
    add(short, side);
    add(side, short);
  }
  // For landscape and portrait in one batch.
  add(longest, longest);
  return [...shapes.values()].sort((a, b) => area(a) - area(b) || a.height - b.height);
}

/** The smallest shape that holds all sizes; undefined when none does. */
export function smallestShape(shapes: readonly Size[], sizes: readonly Size[]): Size | undefined {
  return shapes.find((shape) =>
    sizes.every(({ height, width }) => height <= shape.height && width <= shape.width),
  );
}

/** For each record the number of its shape, as far as its size is known; else 0: they are not sorted. */
export function shapeNumbers(
  records: readonly ImageRecord[],
  shapes: readonly Size[],
  processor: Pick<ImageProcessor, 'outputSize'>,
): Uint8Array {
  return Uint8Array.from(records, ({ height, width }) => {
    if (shapes.length === 1 || height === 0 || width === 0) return 0;
    const shape = smallestShape(shapes, [processor.outputSize({ height, width })]);
    return shape ? shapes.indexOf(shape) : shapes.length;
  });
}

/** A place in the epoch's order, and the record that stands there. */
export interface Draw {
  /** From 0; together with seed and epoch it decides the augmentation. */
  readonly place: number;
  readonly index: number;
}

/**
 * The batches of an epoch: images of one shape together, in the order in which batches become full, and what
 * is left over at the end. Always ⌈images / batchSize⌉ batches, whatever the order.
 */
export function planBatches(order: Uint32Array, shapeNumber: Uint8Array, batchSize: number): Draw[][] {
  const open = new Map<number, Draw[]>();
  const batches: Draw[][] = [];
  order.forEach((index, place) => {
    const shape = shapeNumber[index]!;
    const batch = open.get(shape) ?? [];
    batch.push({ place, index });
    open.set(shape, batch);
    if (batch.length === batchSize) {
      batches.push(batch);
      open.delete(shape);
    }
  });
  const rest = [...open.entries()].sort(([a], [b]) => a - b).flatMap(([, batch]) => batch);
  for (let start = 0; start < rest.length; start += batchSize) {
    batches.push(rest.slice(start, start + batchSize));
  }
  return batches;
}

const roundUp = (side: number): number => Math.ceil(side / multiple) * multiple;
const area = ({ height, width }: Size): number => height * width;
