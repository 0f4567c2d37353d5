/** The seam between the kernels of a product and the two ways of multiplying. */
import type { KernelBuilder } from '../kernel-builder.ts';
import type { Scope } from '../lowering.ts';
import type { Operand } from './mat-mul-operand.ts';
import type { ProductShape, Tile } from './mat-mul-tiles.ts';

/** What the two ways of multiplying are given: a place in the product, and where the sum begins and ends. */
export interface Multiplication {
  readonly kernel: KernelBuilder;
  readonly tile: Tile;
  readonly shape: ProductShape;
  readonly a: Operand;
  readonly b: Operand;
  readonly batch: string;
  /** First row and column of the workgroup. */
  readonly row: string;
  readonly column: string;
  readonly taps: number;
  /** Terms in one tap. */
  readonly depth: number;
  readonly software: boolean;
  /** The taps (when there are several) or the terms that are summed up here. */
  readonly begin: string;
  readonly end: string;
  /** Stores accumulators: `vectors[i][g]` names a vec4<f32> of row i and columns `columnOf(g, q)`; on software rows and columns follow one another. */
  store(
    scope: Scope,
    rows: readonly string[],
    vectors: readonly (readonly string[])[],
    columnOf: (g: number, q: string) => string,
  ): void;
}
