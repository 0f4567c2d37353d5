/**
 * A few positions all over a list, always the same ones: multiples of an irrational number, which fall into no step with the order of
 * the list (class after class, or classes in turn).
 */

/** Of the roots up to √400 this one spreads evenly and meets every class of the sample set among its first eight. */
const step = Math.sqrt(106);

export function spreadOver(total: number, wanted: number): number[] {
  const chosen = new Set<number>();
  for (let i = 0; chosen.size < Math.min(total, wanted); i++)
    chosen.add(Math.floor(((i * step) % 1) * total));
  return [...chosen];
}
