/**
 * NaN among scores is refused, by every metric of this room and as scikit-learn does: nothing is greater, smaller
 * or equal to it, so that each metric would make something else of it (accuracy 1, AUC 0.5, a NaN in a mean).
 */
import { DataError } from '../../core/index.ts';

/** @param of whose scores they are, for the message: `image 17` */
export function requireNumbers(scores: ArrayLike<number>, of?: string): void {
  for (let i = 0; i < scores.length; i++) {
    if (!Number.isNaN(scores[i])) continue;
    throw new DataError({
      code: 'score_not_a_number',
      expected: `scores${of === undefined ? '' : ` of ${of}`} that are numbers`,
      received: `NaN at position ${i}`,
      fix: 'look for the step at which the model stopped giving finite numbers',
    });
  }
}
