/** Sizes of pictures from their headers, for annotations that don't say them. */
import { inspectImage } from '#platform';
import { DataError, type Size } from '../core/index.ts';
import type { ByteSource } from '../storage/index.ts';
import type { SetAside } from './types.ts';

/** Enough for the header of nearly every picture; JPEGs with large previews are read whole. */
const headBytes = 128 * 1024;

/** Height and width after the EXIF orientation. Throws a DataError for what is no picture. */
export async function readPictureSize(source: ByteSource, signal?: AbortSignal): Promise<Size> {
  const size = await source.size();
  if (size > headBytes) {
    const head = await source.read({ start: 0, end: headBytes }, signal);
    const info = await inspectImage(head).catch(() => undefined);
    if (info) return { height: info.height, width: info.width };
  }
  const { height, width } = await inspectImage(await source.read(undefined, signal));
  return { height, width };
}

/** Works on up to `limit` items at a time; results in the order of the items. */
export async function mapLimited<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = new Array(items.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return results;
}

/** The result of `work`, or why its data are set aside; other errors pass. */
export async function orSetAside<Result>(
  image: { readonly id: number | string; readonly fileName: string },
  work: () => Promise<Result>,
): Promise<{ readonly value: Result } | { readonly bad: SetAside }> {
  try {
    return { value: await work() };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const { code, received } = error;
    return { bad: { imageId: image.id, fileName: image.fileName, code, reason: received } };
  }
}
