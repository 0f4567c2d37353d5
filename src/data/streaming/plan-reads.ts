/**
 * Which reads an epoch takes. A picture in a file of its own is a read of its own. Pictures of shards that are
 * needed at about the same time (a window of the order) and lie close to each other are one read: a little too
 * much is cheaper than another request.
 */
import type { Draw } from '../batch-plan.ts';
import type { Dataset, Located } from '../types.ts';

/** One request: the pictures that it brings, by their place in the epoch's order. */
export interface PlannedRead {
  readonly draws: readonly Draw[];
  /** Of several pictures; else the picture is read by itself. */
  readonly range?: Located;
  /** As far as it is known beforehand. */
  readonly bytes?: number;
}

/** Bytes between two pictures that are read along (annotations lie there), and the most that is read at once. */
const mostBetween = 128 << 10;
const mostAtOnce = 2.75 * 2 ** 20;
/** Bytes of pictures that are looked at together where the order has no windows of its own. */
const windowBytes = 32 << 20;

/**
 * @param draws in the order in which they are needed
 * @param windowOf the window of a place in the order, where the order has such
 */
export function planReads(
  draws: readonly Draw[],
  dataset: Pick<Dataset, 'records' | 'locate'>,
  windowOf?: (place: number) => number,
): PlannedRead[] {
  if (!dataset.locate) return draws.map((draw) => ({ draws: [draw] }));
  const windows = new Map<number, { draw: Draw; at: Located }[]>();
  const reads: { read: PlannedRead; first: number }[] = [];
  let window = 0;
  let bytes = 0;
  const needed = new Map(draws.map((draw, i) => [draw, i]));
  for (const draw of draws) {
    const at = dataset.locate(dataset.records[draw.index]!);
    if (!at) {
      reads.push({ read: { draws: [draw] }, first: needed.get(draw)! });
      continue;
    }
    const number = windowOf ? windowOf(draw.place) : window;
    const items = windows.get(number) ?? [];
    windows.set(number, items);
    items.push({ draw, at });
    bytes += at.end - at.start;
    if (bytes > windowBytes) {
      window++;
      bytes = 0;
    }
  }
  for (const items of windows.values()) {
    for (const read of joined(items)) {
      reads.push({ read, first: Math.min(...read.draws.map((draw) => needed.get(draw)!)) });
    }
  }
  return reads.sort((a, b) => a.first - b.first).map(({ read }) => read);
}

function joined(items: { readonly draw: Draw; readonly at: Located }[]): PlannedRead[] {
  items.sort((a, b) => (a.at.file === b.at.file ? a.at.start - b.at.start : a.at.file < b.at.file ? -1 : 1));
  const reads: { draws: Draw[]; range: Located }[] = [];
  for (const { draw, at } of items) {
    const last = reads.at(-1);
    const joins =
      last !== undefined &&
      last.range.file === at.file &&
      at.start - last.range.end <= mostBetween &&
      at.end - last.range.start <= mostAtOnce;
    if (joins) {
      last.draws.push(draw);
      last.range = { ...last.range, end: Math.max(last.range.end, at.end) };
    } else reads.push({ draws: [draw], range: at });
  }
  return reads.map((read) => ({ ...read, bytes: read.range.end - read.range.start }));
}
