/**
 * What a product reads. An operand is a matrix that need not exist as one: a row may be a token, the pixels
 * under a convolution's filter, or a filter turned round. It is asked in three steps, so that what depends on
 * the row alone is computed once, before the sum: `place` for a row (for the second operand: a column), `tap`
 * for a part of the sum (a position of the filter; products without such parts have one), `load` for a term.
 *
 * Where four neighbours lie together in memory, an operand says along which side and reads them as a vector:
 * `inner` along the sum, `outer` across rows (or columns). Then that length is a multiple of four.
 */
import type { KernelBuilder } from '../kernel-builder.ts';
import type { Scope } from '../lowering.ts';
import { Position, sizeOf, stridesOf } from '../position.ts';

/** Names or literals in WGSL, all i32 but where an operand says otherwise. */
export type Place = readonly string[];

export interface Operand {
  readonly along?: 'inner' | 'outer' | undefined;
  place(scope: Scope, batch: string, outer: string): Place;
  /** Without it the sum has no parts, or they make no difference here. */
  tap?(scope: Scope, place: Place, tap: string): Place;
  /** f32. `k` counts within the tap. */
  load(scope: Scope, place: Place, k: string): string;
  /** vec4<f32>: terms k … k + 3 of the row (`inner`), or rows outer … outer + 3 at k (`outer`; `place` is the first's). */
  vector?(scope: Scope, place: Place, k: string): string;
}

/** Which vectors the way of multiplying can use: the others are not to be bound. */
export interface Vectors {
  readonly inner: boolean;
  readonly outer: boolean;
}

/** A matrix of a tensor: element (batch, outer, inner) lies at offset(batch) + outer · outerStride + inner · innerStride. */
export interface MatrixLayout {
  readonly outerStride: number;
  readonly innerStride: number;
  /** Offset of a batch's matrix; '0' when there is one. */
  offset(batch: string): string;
  /** All offsets of batches are multiples of four. */
  readonly offsetsAligned: boolean;
}

/**
 * The operand for a matrix that lies in `value` in row-major order. Vectors are read when the value is in memory
 * and its strides allow it; a view is read element by element through what it views.
 */
export function matrixOperand(
  kernel: KernelBuilder,
  value: number,
  shape: readonly number[],
  layout: MatrixLayout,
  usable: Vectors,
): Operand {
  const { outerStride, innerStride } = layout;
  const aligned = (stride: number): boolean => stride % 4 === 0;
  const along =
    innerStride === 1 && aligned(outerStride)
      ? 'inner'
      : outerStride === 1 && aligned(innerStride)
        ? 'outer'
        : undefined;
  const vectors =
    along && usable[along] && layout.offsetsAligned && sizeOf(shape) % 4 === 0
      ? kernel.vectors(value)
      : undefined;
  const at = ([base]: Place, k: string): string =>
    innerStride === 1 ? `${base} + ${k}` : `${base} + ${k} * ${innerStride}`;
  return {
    along: vectors ? along : undefined,
    place(scope, batch, outer) {
      const offset = layout.offset(batch);
      const row = outerStride === 1 ? outer : `${outer} * ${outerStride}`;
      return [scope.let(offset === '0' ? row : `${offset} + ${row}`)];
    },
    load: (scope, place, k) => scope.element(value, Position.at(shape, scope.let(at(place, k)))),
    vector: (_, place, k) => `vec4<f32>(${vectors}[(${at(place, k)}) / 4])`,
  };
}

/** Matrices in the two last axes of a tensor whose other axes are broadcast to `batchShape`. */
export function batchedLayout(
  shape: readonly number[],
  batchShape: readonly number[],
  transposed: boolean,
): MatrixLayout {
  const [rows, columns] = shape.slice(-2) as [number, number];
  const own = shape.slice(0, -2);
  const ownStrides = stridesOf(shape).slice(0, -2);
  const batchStrides = stridesOf(batchShape);
  const missing = batchShape.length - own.length;
  const same = sizeOf(own) === sizeOf(batchShape);
  const offset = (batch: string): string => {
    if (sizeOf(own) === 1) return '0';
    if (same) return `${batch} * ${rows * columns}`;
    const terms = own.flatMap((dimension, axis) =>
      dimension === 1
        ? []
        : [`(${batch} / ${batchStrides[missing + axis]} % ${dimension}) * ${ownStrides[axis]}`],
    );
    return `(${terms.join(' + ')})`;
  };
  return {
    outerStride: transposed ? 1 : columns,
    innerStride: transposed ? columns : 1,
    offset,
    offsetsAligned: sizeOf(own) === 1 || (rows * columns) % 4 === 0,
  };
}
