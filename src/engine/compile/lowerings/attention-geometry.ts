/**
 * What all attention kernels share: the sizes, and WGSL functions that read q, k, v, dy and the mask at a
 * position, whatever view they come through.
 */
import type { KernelBuilder } from '../kernel-builder.ts';
import type { LoweringNode } from '../lowering.ts';
import { Position } from '../position.ts';

export interface AttentionGeometry {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  /** Of a row of q and k. */
  readonly width: number;
  /** Of a row of v and y. */
  readonly valueWidth: number;
  readonly scale: number;
  readonly q: number;
  readonly k: number;
  readonly v: number;
  readonly mask: number | undefined;
  readonly maskShape: readonly number[];
}

export function attentionGeometry(node: LoweringNode): AttentionGeometry {
  const [q, k, v] = [node.input('q'), node.input('k'), node.input('v')];
  const mask = node.node.inputs.mask;
  const [batch, heads, queries, width] = node.shapeOf(q) as [number, number, number, number];
  const [, , keys, valueWidth] = node.shapeOf(v) as [number, number, number, number];
  const maskShape = mask === undefined ? [] : node.shapeOf(mask);
  const scale = node.attrs.scale as number;
  return { batch, heads, queries, keys, width, valueWidth, scale, q, k, v, mask, maskShape };
}

/**
 * A WGSL function `(b, h, n, d) -> f32`: an element of a [B, H, N, D] value. A kernel that calls it for one `b` and
 * `h` only may leave the address of that row to the compiler.
 */
export function elementReader(kernel: KernelBuilder, value: number, shape: readonly number[]): string {
  return kernel.fn(['b', 'h', 'n', 'd'], 'f32', (scope) =>
    scope.element(value, Position.on(shape, ['b', 'h', 'n', 'd'])),
  );
}

/**
 * As `elementReader`, for the four elements from `d` on: `(b, h, n, d) -> vec4f`. Zeros follow the last one. It is
 * made of `element` where the kernel has that function, so as not to bind the value twice.
 */
export function vectorReader(
  kernel: KernelBuilder,
  value: number,
  shape: readonly number[],
  element: string,
): string {
  const width = shape[3]!;
  const buffer = element || width % 4 !== 0 ? undefined : kernel.vectors(value);
  if (buffer) {
    const at = Position.on(shape, ['b', 'h', 'n', 'd']).offset;
    return kernel.fn(['b', 'h', 'n', 'd'], 'vec4f', () => `vec4f(${buffer}[${at} / 4])`);
  }
  const read = element || elementReader(kernel, value, shape);
  const elements = [0, 1, 2, 3].map((i) =>
    width % 4 === 0
      ? `${read}(b, h, n, d + ${i})`
      : `select(0.0, ${read}(b, h, n, min(d + ${i}, ${width - 1})), d + ${i} < ${width})`,
  );
  return kernel.fn(['b', 'h', 'n', 'd'], 'vec4f', () => `vec4f(${elements.join(', ')})`);
}

/** A WGSL function `(b, h, i, j) -> f32`: what is added to the score of query i and key j. */
export function maskReader(
  kernel: KernelBuilder,
  { mask, maskShape }: AttentionGeometry,
): string | undefined {
  if (mask === undefined) return undefined;
  const axes = ['b', 'h', 'i', 'j'].map((axis, at) => (maskShape[at] === 1 ? '0' : axis));
  return kernel.fn(['b', 'h', 'i', 'j'], 'f32', (scope) => scope.element(mask, Position.on(maskShape, axes)));
}
