/** Walks two masks of one size side by side: what their overlap and their union are counted from. */
import type { Runs } from './types.ts';

/** Tells every stretch of `length` pixels in which neither mask changes, and which of them is set there. */
export function sweep(a: Runs, b: Runs, visit: (length: number, inA: boolean, inB: boolean) => void): void {
  let leftA = a.counts[0] ?? 0;
  let leftB = b.counts[0] ?? 0;
  let nextA = 1;
  let nextB = 1;
  let inA = false;
  let inB = false;
  for (let left = 1; left > 0; ) {
    const length = Math.min(leftA, leftB);
    visit(length, inA, inB);
    left = 0;
    leftA -= length;
    if (leftA === 0 && nextA < a.counts.length) {
      leftA = a.counts[nextA++]!;
      inA = !inA;
    }
    left += leftA;
    leftB -= length;
    if (leftB === 0 && nextB < b.counts.length) {
      leftB = b.counts[nextB++]!;
      inB = !inB;
    }
    left += leftB;
  }
}
