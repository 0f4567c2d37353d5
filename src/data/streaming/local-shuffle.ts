/**
 * A shuffle that shards can follow: reading them picture by picture in any order would take a request each. So
 * chunks (neighbours in a shard, 2 MB) are shuffled over all shards, and the pictures of every 32 or so of them
 * (a window of 64 MB) among each other. Training pictures were dealt to the shards in a random order besides.
 *
 * Set, seed and epoch decide the order, so a run continues exactly. A set that fits into one window has the very
 * order that its files would have.
 */
import { derive, permutation } from '../../core/index.ts';
import type { Dataset } from '../types.ts';

const chunkBytes = 2 << 20;
const windowBytes = 64 << 20;

export interface LocalShuffle {
  /** Record numbers in the order of the epoch, and where in it each window ends. */
  epoch(number: number): { readonly order: Uint32Array; readonly ends: readonly number[] };
}

/** Undefined where pictures lie in files of their own, or all in one window. */
export function localShuffle(
  { records, locate }: Pick<Dataset, 'records' | 'locate'>,
  seed: number,
): LocalShuffle | undefined {
  if (!locate) return undefined;
  const places = records.map((record) => locate(record));
  const total = places.reduce((sum, place) => sum + (place ? place.end - place.start : 0), 0);
  if (total <= windowBytes) return undefined;
  const chunks = chunksOf(places);
  return {
    epoch(number) {
      const random = derive(seed, 'order', number);
      const order = new Uint32Array(records.length);
      const ends: number[] = [];
      let at = 0;
      let begin = 0;
      let bytes = 0;
      const close = (): void => {
        const window = order.slice(begin, at);
        permutation(window.length, random).forEach((from, i) => {
          order[begin + i] = window[from]!;
        });
        ends.push(at);
        begin = at;
        bytes = 0;
      };
      for (const position of permutation(chunks.length, random)) {
        const chunk = chunks[position]!;
        order.set(chunk.indices, at);
        at += chunk.indices.length;
        bytes += chunk.bytes;
        if (bytes >= windowBytes) close();
      }
      if (at > begin) close();
      return { order, ends };
    },
  };
}

interface Chunk {
  readonly indices: number[];
  bytes: number;
}

/** Neighbours in a shard; pictures that no shard has come last. */
function chunksOf(places: readonly ReturnType<NonNullable<Dataset['locate']>>[]): Chunk[] {
  const indices = places.map((_, index) => index);
  indices.sort((a, b) => {
    const [x, y] = [places[a], places[b]];
    if (!x || !y) return x ? -1 : y ? 1 : a - b;
    return x.file === y.file ? x.start - y.start : x.file < y.file ? -1 : 1;
  });
  const chunks: Chunk[] = [];
  let file: string | undefined;
  for (const index of indices) {
    const place = places[index];
    const last = chunks.at(-1);
    if (!last || last.bytes >= chunkBytes || place?.file !== file) chunks.push({ indices: [], bytes: 0 });
    file = place?.file;
    const chunk = chunks.at(-1)!;
    chunk.indices.push(index);
    chunk.bytes += place ? place.end - place.start : 0;
  }
  return chunks;
}
