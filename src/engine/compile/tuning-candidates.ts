/** The forms of kernels that a search may try, by the key under which a choice is looked up. */
import {
  matrixCandidates,
  type SubgroupMatrices,
  targetOf,
  tileCandidates,
  tileName,
} from './lowerings/mat-mul-tiles.ts';

export interface CandidateTarget {
  readonly features: ReadonlySet<string>;
  readonly limits: Readonly<Record<string, number>>;
  readonly matrices?: SubgroupMatrices | undefined;
}

/** Names of forms, the most promising first; none for a key that has no choice. */
export function tuningCandidates(key: string, { features, limits, matrices }: CandidateTarget): string[] {
  const product = /\/(\d+)x(\d+)x(\d+)x(\d+)$/.exec(key);
  if (!product) return [];
  const [batch, rows, columns, depth] = product.slice(1).map(Number) as [number, number, number, number];
  const target = targetOf({ software: features.has('software'), limits, matrices });
  const shape = { batch, rows, columns, depth };
  const matrix = key.startsWith('f16 ') ? matrixCandidates(shape, target) : [];
  return [...matrix, ...tileCandidates(shape, target)].map(tileName);
}
