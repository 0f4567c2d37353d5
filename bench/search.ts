/** The largest number that passes a test which all smaller ones pass too: doubling, then halving the gap. */

/**
 * @param fits is asked a few dozen times at most, never twice for the same number
 * @returns 0 when not even 1 fits; `most` when that fits
 */
export async function largestThatFits(
  fits: (candidate: number) => Promise<boolean>,
  most = 2 ** 16,
): Promise<number> {
  let good = 0;
  let bad = most + 1;
  for (let next = 1; next < bad; next = Math.min(2 * next, Math.max(most, next + 1))) {
    if (await fits(next)) good = next;
    else bad = next;
  }
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (await fits(middle)) good = middle;
    else bad = middle;
  }
  return good;
}
