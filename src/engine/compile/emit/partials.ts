/**
 * Reductions in two kernels: the first leaves a piece per slice of what is combined, this second one brings the
 * pieces together and writes what depends on the results.
 */

import type { GraphDtype } from '../../graph/index.ts';
import { flatDispatch } from '../dispatch.ts';
import type { Group } from '../groups.ts';
import type { BlockScope, KernelBuilder } from '../kernel-builder.ts';
import type { Scope } from '../lowering.ts';
import { opaque } from '../opaque.ts';
import { Position } from '../position.ts';
import { combineLanes, type Reduction } from './combine.ts';
import { type EmitContext, nextPowerOfTwo } from './context.ts';

export interface Partials {
  readonly slices: number;
  /** Results of each reduction. */
  readonly results: number;
  /** For each reduction: where its pieces are, and the offset of the first. Piece (s, i) is at `first + s · results + i`. */
  readonly places: readonly { readonly value: number; readonly first: number }[];
}

/** Memory for the pieces: one value for all reductions of a type. */
export function makePartials(
  context: EmitContext,
  reductions: readonly Reduction[],
  slices: number,
  results: number,
): Partials {
  const dtypes = { f32: 'float32', i32: 'int32', bool: 'bool' } as const;
  const each = slices * results;
  const memory = new Map<GraphDtype, number>();
  const counts = new Map<GraphDtype, number>();
  for (const { type } of reductions) counts.set(dtypes[type], (counts.get(dtypes[type]) ?? 0) + 1);
  for (const [dtype, count] of counts) memory.set(dtype, context.temporary([count * each], dtype));
  const used = new Map<GraphDtype, number>();
  const places = reductions.map(({ type }) => {
    const before = used.get(dtypes[type]) ?? 0;
    used.set(dtypes[type], before + 1);
    return { value: memory.get(dtypes[type])!, first: before * each };
  });
  return { slices, results, places };
}

/** Writes one piece. `result` and `slice`: names. */
export function writePiece(
  context: EmitContext,
  kernel: KernelBuilder,
  scope: Scope,
  partials: Partials,
  reduction: number,
  at: { readonly slice: string; readonly result: string },
  piece: string,
): void {
  const { value, first } = partials.places[reduction]!;
  const begin = first > 0 ? `${first} + ` : '';
  const offset = scope.let(`${begin}${at.slice} * ${partials.results} + ${at.result}`);
  kernel.write(scope, value, Position.at(context.values.get(value)!.shape, offset), piece);
}

const threads = 64;

/** The second kernel. */
export function writeFinish(
  context: EmitContext,
  group: Group,
  reductions: readonly Reduction[],
  partials: Partials,
  stores: readonly number[],
): void {
  const { slices, results, places } = partials;
  const lanes = results >= 64 || context.target.software ? 1 : Math.min(threads, nextPowerOfTwo(slices));
  const perGroup = threads / lanes;
  const flat = flatDispatch(Math.ceil(results / perGroup));
  context.kernel(group, () => ({
    label: `${context.label(group)} (pieces)`,
    workgroupSize: [threads, 1, 1],
    workgroups: flat.workgroups,
    flops: slices * results * reductions.length,
    write(kernel) {
      const main = kernel.main as BlockScope;
      const lane = main.let('i32(lane)');
      const rank = lanes === 1 ? '0' : main.let(`${lane} % ${lanes}`);
      const number = main.let(`${flat.index} * ${perGroup} + ${lanes === 1 ? lane : `${lane} / ${lanes}`}`);
      if (lanes === 1) main.line(`if (${number} >= ${results}) { return; }`);
      const result = lanes === 1 ? number : main.let(`min(${number}, ${results - 1})`);
      const totals = reductions.map(({ type, identity }) => {
        const name = kernel.name('total');
        main.line(`var ${name}: ${type} = ${identity};`);
        return name;
      });
      const slice = kernel.name('slice');
      const inner = kernel.block(main);
      for (const [i, reduction] of reductions.entries()) {
        const { value, first } = places[i]!;
        const offset = inner.let(`${first} + ${slice} * ${results} + ${result}`);
        const piece = inner.element(value, Position.at(context.values.get(value)!.shape, offset));
        inner.line(`${totals[i]} = ${reduction.combine(totals[i]!, piece)};`);
      }
      main.line(
        `for (var ${slice} = ${rank}; ${slice} < ${context.target.software ? opaque(slices) : slices}; ${slice} += ${lanes}) {\n${inner.text()}}`,
      );
      const combined = combineLanes(
        context,
        kernel,
        main,
        reductions.map((reduction, i) => ({ reduction, name: totals[i]! })),
        { all: threads, count: lanes, stride: 1, rank },
      );
      for (const [i, reduction] of reductions.entries()) pinResult(main, reduction, combined[i]!);
      const last = kernel.block(main);
      storeResults(context, kernel, last, stores, result);
      main.line(lanes === 1 ? last.text() : `if (${rank} == 0 && ${number} < ${results}) {\n${last.text()}}`);
    },
  }));
}

/** The reduction is complete: its value, for what follows in this scope. */
export function pinResult(scope: BlockScope, { lowering, value }: Reduction, total: string): void {
  const name = scope.let(total);
  scope.pin(value, scope.let(lowering.finish?.(scope, name) ?? name));
}

/** Writes the `result`-th element of what has one element per result. */
export function storeResults(
  context: EmitContext,
  kernel: KernelBuilder,
  scope: BlockScope,
  stores: readonly number[],
  result: string,
): void {
  for (const value of stores) {
    const at = Position.at(context.values.get(value)!.shape, result);
    kernel.write(scope, value, at, kernel.compute(scope, value, at));
  }
}
