/**
 * Stable sorting of indices by descending score, on typed arrays.
 *
 * The order of equal scores decides metrics: pycocotools sorts with numpy's mergesort and scikit-learn groups
 * ties, so both need a sort that keeps the order of equals. This is the textbook bottom-up merge sort over
 * insertion-sorted runs; it allocates nothing but its result and one buffer of the same size.
 */

const runLength = 16;

/** Indices 0 … count − 1 so that `values[result[i]]` descends; equal values keep their order. */
export function descendingOrder(values: ArrayLike<number>, count: number = values.length): Uint32Array {
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  sortDescending(values, order, new Uint32Array(count), count);
  return order;
}

/**
 * Sorts the first `count` entries of `order` in place by descending `values[order[i]]`, stable. `spare` must
 * hold `count` entries; its contents are lost.
 */
export function sortDescending(
  values: ArrayLike<number>,
  order: Uint32Array,
  spare: Uint32Array,
  count: number,
): void {
  for (let start = 0; start < count; start += runLength) {
    const end = Math.min(start + runLength, count);
    for (let i = start + 1; i < end; i++) {
      const moving = order[i]!;
      const value = values[moving]!;
      let slot = i;
      while (slot > start && values[order[slot - 1]!]! < value) {
        order[slot] = order[slot - 1]!;
        slot--;
      }
      order[slot] = moving;
    }
  }
  let from = order;
  let to = spare;
  for (let width = runLength; width < count; width *= 2) {
    for (let left = 0; left < count; left += 2 * width) {
      const middle = Math.min(left + width, count);
      const right = Math.min(left + 2 * width, count);
      let a = left;
      let b = middle;
      for (let slot = left; slot < right; slot++) {
        const takeLeft = a < middle && (b >= right || values[from[a]!]! >= values[from[b]!]!);
        to[slot] = takeLeft ? from[a++]! : from[b++]!;
      }
    }
    [from, to] = [to, from];
  }
  if (from !== order) order.set(from.subarray(0, count));
}
