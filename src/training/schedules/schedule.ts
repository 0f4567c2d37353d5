/**
 * A learning-rate schedule is a pure function: the rate of optimiser step i (from 0) out of i and the base
 * rate, so that a resumed run needs nothing but its step. Only the plateau schedule looks at results; its
 * state is plain data (see `plateau.ts`).
 */

/** `base` is the parameter group's rate; `defaultBase` the optimiser's, where a schedule mixes them up as Transformers does. */
export type Schedule = (step: number, base: number, defaultBase?: number) => number;

/** A factor on the base rate, as torch's `LambdaLR`. */
export const lambda =
  (factor: (step: number) => number): Schedule =>
  (step, base) =>
    base * factor(step);
