/**
 * How large an image becomes: the size arithmetic of Hugging Face's image processors.
 *
 * Everything is computed in double precision, `int()` cuts towards zero and Python's `round()` takes ties to
 * the even number; a pixel more or less moves every box of an image, so these are copied exactly. A side of 0
 * (extreme aspect ratios) is what the arithmetic gives; `resize` then refuses it.
 */
import { ConfigError, type Size } from '../core/index.ts';

/** Python's round(): ties go to the even neighbour. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The short side and, where the longest side binds, the value before it was rounded. */
function boundedShortSide(
  { height, width }: Size,
  shortest: number,
  longest: number | undefined,
): { short: number; unrounded: number } {
  const low = Math.min(height, width);
  const high = Math.max(height, width);
  if (longest === undefined || (high / low) * shortest <= longest) {
    return { short: shortest, unrounded: shortest };
  }
  const unrounded = (longest * low) / high;
  return { short: roundHalfEven(unrounded), unrounded };
}

/** DETR: the shorter side becomes `shortest` unless the longer one would exceed `longest`. */
export function detrSize(size: Size, shortest: number, longest?: number): Size {
  const { height, width } = size;
  const { short, unrounded } = boundedShortSide(size, shortest, longest);
  if (Math.min(height, width) === short) return { height, width };
  if (width < height) return { height: Math.trunc((unrounded * height) / width), width: short };
  return { height: short, width: Math.trunc((unrounded * width) / height) };
}

/** YOLOS: as DETR, then both sides down to a multiple of `multiple` (16). */
export function yolosSize(size: Size, shortest: number, longest?: number, multiple = 16): Size {
  const { height, width } = size;
  const { short, unrounded } = boundedShortSide(size, shortest, longest);
  let result: Size;
  if (width < height) result = { height: Math.trunc((unrounded * height) / width), width: short };
  else if (height === short) result = { height, width };
  else result = { height: short, width: Math.trunc((unrounded * width) / height) };
  return {
    height: result.height - (result.height % multiple),
    width: result.width - (result.width % multiple),
  };
}

/** The largest size of the same shape inside a frame; enlarges too. */
export function maxHeightWidthSize({ height, width }: Size, maxHeight: number, maxWidth: number): Size {
  const scale = Math.min(maxHeight / height, maxWidth / width);
  return { height: Math.trunc(height * scale), width: Math.trunc(width * scale) };
}

/** The shorter side becomes `shortest`; with `longest`, the longer one at most that (Mask2Former's way). */
export function shortestEdgeSize({ height, width }: Size, shortest: number, longest?: number): Size {
  if (longest !== undefined && longest <= shortest) {
    throw new ConfigError({
      code: 'longest_edge_too_small',
      expected: 'size.longest_edge above size.shortest_edge',
      received: `longest_edge=${longest}, shortest_edge=${shortest}`,
      fix: 'enlarge longest_edge or reduce shortest_edge in preprocessor_config.json',
    });
  }
  const low = Math.min(height, width);
  const high = Math.max(height, width);
  let short = shortest;
  let long = Math.trunc((shortest * high) / low);
  if (longest !== undefined && long > longest) {
    short = Math.trunc((longest * short) / long);
    long = longest;
  }
  return width <= height ? { height: long, width: short } : { height: short, width: long };
}

/** Mask2Former and MaskFormer: the shortest edge, then both sides up to a multiple of `divisor` (0: as is). */
export function mask2formerSize(size: Size, shortest: number, longest?: number, divisor = 32): Size {
  const { height, width } = shortestEdgeSize(size, shortest, longest);
  if (divisor <= 0) return { height, width };
  return { height: Math.ceil(height / divisor) * divisor, width: Math.ceil(width / divisor) * divisor };
}

/** ConvNeXT below 384: the size to resize to before the centre crop of `shortest` x `shortest`. */
export function convnextSize(size: Size, shortest: number, cropPct: number): Size {
  if (shortest >= 384) return { height: shortest, width: shortest };
  return shortestEdgeSize(size, Math.trunc(shortest / cropPct));
}
