/**
 * A string that tells kernels' attributes apart. JSON alone would not: it writes ∞, −∞ and NaN all as null, and
 * −0 as 0.
 */
export const keyOf = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'number' && (!Number.isFinite(part) || Object.is(part, -0))
      ? `number ${Object.is(part, -0) ? '-0' : part}`
      : part,
  );
