/**
 * Listings in one order everywhere. Object stores answer in pages, most in the order of the names, some in that
 * of their folders; the seeded order of a data set follows from the listing, so it must not depend on the store.
 */
import { comparePaths } from './paths.ts';
import type { Entry } from './volume.ts';

/** Reads all pages, and brings them into order where they are not. */
export async function* listed(pages: AsyncIterable<readonly Entry[]>): AsyncIterable<Entry> {
  const entries: Entry[] = [];
  let ascending = true;
  for await (const page of pages) {
    for (const entry of page) {
      const last = entries.at(-1);
      if (last && comparePaths(last.path, entry.path) > 0) ascending = false;
      entries.push(entry);
    }
  }
  if (!ascending) entries.sort((a, b) => comparePaths(a.path, b.path));
  yield* entries;
}
