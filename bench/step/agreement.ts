/**
 * Contenders are compared only when they compute the same thing: from the same weights and the same batch the
 * first loss must agree, and the second, which the gradients and the optimiser have moved.
 */

/** Different orders of summation in f32, through a hundred layers. */
const firstTolerance = 1e-4;
/**
 * Of how far the update moved the loss. Adam's first step is the sign of the gradient, so gradients that are
 * nothing but rounding move weights too, and two correct programs differ.
 */
const moveTolerance = 0.05;

/** Half precision holds three digits. */
const halfTolerance = 1e-2;

export interface Losses {
  readonly first: number;
  /** Left out where it can't be compared. */
  readonly second?: number | undefined;
  readonly half?: boolean;
}

/** Undefined when they agree, else a sentence. */
export function disagreement(own: Losses, reference: Losses): string | undefined {
  const tolerance = (own.half ? halfTolerance : firstTolerance) * Math.max(1, Math.abs(reference.first));
  if (!(Math.abs(own.first - reference.first) <= tolerance))
    return `the first loss is ${own.first}, not ${reference.first}`;
  if (own.second === undefined || reference.second === undefined) return;
  const moved = Math.abs(reference.second - reference.first);
  if (!(Math.abs(own.second - reference.second) <= moveTolerance * moved + tolerance))
    return `the loss after one update is ${own.second}, not ${reference.second}`;
  return;
}
