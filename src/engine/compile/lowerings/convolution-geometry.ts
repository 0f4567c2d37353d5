/**
 * The sizes of a convolution and how its sum is walked. A convolution is a product of matrices that are not in
 * memory: rows are output pixels, terms are the pixels under the filter (taps) times channels (arXiv:1410.0759).
 *
 * Where filters touch pixels side by side without padding left or right (patches, 1 × 1), a row of the filter
 * and its channels are one run in memory: the filter counts as one column wide, with kw · C channels.
 */
import type { GraphAttribute } from '../../graph/index.ts';

export interface Geometry {
  readonly batch: number;
  /** Input image, its channels, and those of one group under one tap. */
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly depth: number;
  /** Output image and channels; those of one group. */
  readonly outHeight: number;
  readonly outWidth: number;
  readonly out: number;
  readonly outDepth: number;
  readonly groups: number;
  /** Taps: rows and columns of the filter. */
  readonly rows: number;
  readonly columns: number;
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly top: number;
  readonly left: number;
  /** No tap ever lies outside of the image. */
  readonly inside: boolean;
}

type Attrs = Readonly<Record<string, GraphAttribute>>;

/** `input` [B, H, W, C], `output` [B, H', W', out], `filter` torch's [out, C / groups, kh, kw]. */
export function geometryOf(
  attrs: Attrs,
  input: readonly number[],
  output: readonly number[],
  filter: readonly number[],
): Geometry {
  const [batch, height, width, channels] = input as [number, number, number, number];
  const [, outHeight, outWidth, out] = output as [number, number, number, number];
  const [, depth, rows, columns] = filter as [number, number, number, number];
  const padding = attrs.padding as readonly [number, number, number, number];
  const groups = attrs.groups as number;
  return {
    batch,
    height,
    width,
    channels,
    depth,
    outHeight,
    outWidth,
    out,
    outDepth: out / groups,
    groups,
    rows,
    columns,
    stride: attrs.stride as unknown as readonly [number, number],
    dilation: attrs.dilation as unknown as readonly [number, number],
    top: padding[0],
    left: padding[2],
    inside: padding.every((side) => side <= 0),
  };
}

/** The same convolution with each row of the filter as one tap, where that is one run in memory. */
export function mergeColumns(geometry: Geometry): Geometry {
  const { columns, groups, dilation, inside, depth } = geometry;
  const runs = columns > 1 && groups === 1 && dilation[1] === 1 && inside;
  return runs ? { ...geometry, columns: 1, depth: depth * columns } : geometry;
}

/** WGSL for whether a coordinate lies in 0 … length − 1, negative ones included. */
export const within = (coordinate: string, length: number): string => `u32(${coordinate}) < ${length}u`;
