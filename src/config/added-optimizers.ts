/**
 * Optimisers that a program adds (`registerOptimizer`): a recipe may name them as it names those of the schema. What
 * their options mean is their own business: the schema does not look at them, and the optimiser refuses what it
 * does not know.
 */
import { isTree, type Source } from './source.ts';

const added = new Set<string>();

/** A recipe may name this optimiser from now on, upper and lower case alike. */
export function acceptOptimizer(name: string): void {
  added.add(name.toLowerCase());
}

export interface AddedOptimizer {
  readonly optimizer: string;
  readonly optimizer_params: Readonly<Record<string, unknown>>;
}

/** Takes an added optimiser and its options out of the tree, so that the schema can judge the rest. */
export function takeAddedOptimizer(source: Source): AddedOptimizer | undefined {
  const name = source.get(['training', 'optimizer']);
  if (typeof name !== 'string' || !added.has(name.toLowerCase())) return undefined;
  source.remove(['training', 'optimizer']);
  const options = source.get(['training', 'optimizer_params']);
  // No section: the schema says so.
  if (options !== undefined && !isTree(options)) return undefined;
  source.remove(['training', 'optimizer_params']);
  return { optimizer: name.toLowerCase(), optimizer_params: options ?? {} };
}
