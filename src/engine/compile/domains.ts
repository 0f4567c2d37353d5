/**
 * What a kernel walks over. Reductions give the walk a shape: rows that are combined one by one, or columns.
 */
import type { Analysis } from './analysis.ts';
import type { ArenaWalk } from './arenas.ts';
import type { ReduceLowering } from './lowering.ts';
import { sizeOf } from './position.ts';

export type Domain =
  /** Element by element, in row-major order. */
  | { readonly kind: 'flat'; readonly size: number }
  /** `rows` rows of `columns` elements; what is combined along a row is known to all of the row. */
  | { readonly kind: 'row'; readonly rows: number; readonly columns: number }
  /** `outer` blocks of `rows` rows of `columns` elements, combined along the rows: one result per block and column. */
  | { readonly kind: 'column'; readonly outer: number; readonly rows: number; readonly columns: number }
  /** A structure of its own; `size` elements of its first output may be followed by others. */
  | { readonly kind: 'template'; readonly size: number; readonly epilogue: boolean }
  /** Equal walks over tensors that lie side by side. */
  | { readonly kind: 'arena'; readonly walk: ArenaWalk }
  /** Reduced axes between kept ones: nothing joins. */
  | { readonly kind: 'general' };

/** Few long rows are cut into pieces, each combined by a workgroup, and the pieces by a second kernel. */
export const isCut = ({ rows, columns }: { readonly rows: number; readonly columns: number }): boolean =>
  columns >= 4096 && rows < 64;

export function domainOf(analysis: Analysis, node: number): Domain {
  const { graph, lowerings } = analysis;
  const lowering = lowerings[node]!;
  const size = sizeOf(graph.values[graph.nodes[node]!.outputs[0]!]!.shape);
  if (lowering.kind === 'element') return { kind: 'flat', size };
  if (lowering.kind === 'template') return { kind: 'template', size, epilogue: lowering.epilogue };
  return domainOfReduction(graph.values[lowering.input]!.shape, lowering);
}

function domainOfReduction(shape: readonly number[], { axes }: ReduceLowering): Domain {
  const runs: { reduced: boolean; size: number }[] = [];
  shape.forEach((dimension, axis) => {
    if (dimension === 1) return;
    const reduced = axes.includes(axis);
    const last = runs.at(-1);
    if (last?.reduced === reduced) last.size *= dimension;
    else runs.push({ reduced, size: dimension });
  });
  const pattern = runs.map(({ reduced }) => (reduced ? 'R' : 'K')).join('');
  const [a = 1, b = 1, c = 1] = runs.map(({ size }) => size);
  switch (pattern) {
    case '':
      return { kind: 'row', rows: 1, columns: 1 };
    case 'K':
      return { kind: 'row', rows: a, columns: 1 };
    case 'R':
      return { kind: 'row', rows: 1, columns: a };
    case 'KR':
      return { kind: 'row', rows: a, columns: b };
    case 'RK':
      return { kind: 'column', outer: 1, rows: a, columns: b };
    case 'KRK':
      return { kind: 'column', outer: a, rows: b, columns: c };
    default:
      return { kind: 'general' };
  }
}

/** The walk that does for both; undefined when there is none. */
export function unify(a: Domain, b: Domain): Domain | undefined {
  if (a.kind === 'flat' && b.kind === 'flat') return a.size === b.size ? a : undefined;
  if (a.kind === 'flat') return b.kind === 'flat' ? undefined : unify(b, a);
  if (b.kind === 'flat') {
    if (a.kind === 'row') return b.size === a.rows * a.columns || b.size === a.rows ? a : undefined;
    if (a.kind === 'column') {
      return b.size === a.outer * a.rows * a.columns || b.size === a.outer * a.columns ? a : undefined;
    }
    return a.kind === 'template' && a.epilogue && a.size === b.size ? a : undefined;
  }
  if (a.kind === 'row' && b.kind === 'row') {
    return a.rows === b.rows && a.columns === b.columns ? a : undefined;
  }
  if (a.kind === 'column' && b.kind === 'column') {
    return a.rows === b.rows && a.columns === b.columns && a.outer === b.outer ? a : undefined;
  }
  return undefined;
}

/** What a value of this size is in a domain: an element of the whole walk, or of its results. */
export type Place = 'full' | 'result';

export function placeIn(domain: Domain, size: number): Place {
  switch (domain.kind) {
    case 'row':
      return size === domain.rows * domain.columns && domain.columns > 1 ? 'full' : 'result';
    case 'column':
      return size === domain.outer * domain.rows * domain.columns && domain.rows > 1 ? 'full' : 'result';
    default:
      return 'full';
  }
}

export const fullSize = (domain: Domain): number => {
  switch (domain.kind) {
    case 'row':
      return domain.rows * domain.columns;
    case 'column':
      return domain.outer * domain.rows * domain.columns;
    case 'flat':
    case 'template':
      return domain.size;
    default:
      return 0;
  }
};
