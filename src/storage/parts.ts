/** How a large file is cut into parts that travel by themselves, and how many of them travel at a time. */

/** Larger files go in parts. */
export const singleWriteLimit = 50 * 2 ** 20;
const partsAtATime = 4;
const mebibyte = 2 ** 20;
const partSizes = [10, 20, 50, 100, 200, 500, 1024, 2048, 4096].map((size) => size * mebibyte);

/** The smallest usual size that needs at most a hundred parts. */
export function partSizeFor(bytes: number): number {
  return partSizes.find((size) => bytes / size <= 100) ?? partSizes.at(-1)!;
}

/**
 * Writes all parts, a few at a time, and gives back what each brought, in order. The first failure ends the
 * others.
 */
export async function writeParts<T>(
  bytes: Uint8Array,
  partSize: number,
  write: (part: Uint8Array, index: number, signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T[]> {
  const count = Math.ceil(bytes.byteLength / partSize);
  const results = new Array<T>(count);
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(signal!.reason);
  signal?.throwIfAborted();
  signal?.addEventListener('abort', interrupt, { once: true });
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count && !stop.signal.aborted) {
      const index = next++;
      const part = bytes.subarray(index * partSize, (index + 1) * partSize);
      results[index] = await write(part, index, stop.signal);
    }
  };
  try {
    const lanes = Array.from({ length: Math.min(partsAtATime, count) }, lane);
    try {
      await Promise.all(lanes);
    } catch (error) {
      stop.abort(error);
      // Nobody writes behind the back of whoever cleans up.
      await Promise.allSettled(lanes);
      throw error;
    }
    signal?.throwIfAborted();
    return results;
  } finally {
    signal?.removeEventListener('abort', interrupt);
  }
}
