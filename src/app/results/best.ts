/** Which of several runs is the best by a metric, where that can be said. */
import { isLoss } from '../class-metrics.ts';

/**
 * @param values of the runs, in their order; undefined where a run has none
 * @param tasks of the same runs: the loss of a detector and that of a classifier say nothing about each other
 * @returns the place of the best; undefined where that makes no sense
 */
export function bestOf(
  name: string,
  values: readonly (number | undefined)[],
  tasks: readonly string[],
): number | undefined {
  const known = values.filter((value) => value !== undefined);
  if (known.length < 2 || new Set(known).size < 2) return undefined;
  if (new Set(tasks.filter((_, i) => values[i] !== undefined)).size > 1) return undefined;
  const best = isLoss(name) ? Math.min(...known) : Math.max(...known);
  return values.indexOf(best);
}
