/**
 * Contenders are compared only when they compute the same thing: from the same weights and the same batch the
 * first loss must agree, and the second, which the gradients and the optimiser have moved.
 */

/** Different orders of summation in f32, through a hundred layers. */
const firstTolerance = 1e-4;
/** After an update by Adam, which divides by small numbers. */
const secondTolerance = 2e-3;

export interface Losses {
  readonly first: number;
  /** Left out where it can't be compared. */
  readonly second?: number | undefined;
}

/** Undefined when they agree, else a sentence. */
export function disagreement(own: Losses, reference: Losses): string | undefined {
  const differs = (a: number, b: number, tolerance: number): boolean =>
    !(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b)));
  if (differs(own.first, reference.first, firstTolerance))
    return `the first loss is ${own.first}, not ${reference.first}`;
  if (own.second === undefined || reference.second === undefined) return;
  if (differs(own.second, reference.second, secondTolerance))
    return `the loss after one update is ${own.second}, not ${reference.second}`;
  return;
}
