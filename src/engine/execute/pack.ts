/**
 * Packs values that live for a while into few buffers: two may lie on the same bytes when they are never alive at
 * the same time. It is greedy by size (Pisarchyk & Lee, "Efficient memory management for deep neural net
 * inference", 2020), which comes within a few per cent of the bound (the most bytes alive at once).
 *
 * WebGPU adds a rule: within one dispatch a buffer is bound either for reading or for writing. So what a kernel
 * writes never lies in a buffer that the kernel reads, and several buffers ("slabs") are filled side by side.
 */

export interface PackItem {
  readonly id: number;
  readonly bytes: number;
  /** Kernels between which it is alive, both included. */
  readonly first: number;
  readonly last: number;
}

export interface Packed {
  readonly places: ReadonlyMap<number, { readonly slab: number; readonly offset: number }>;
  /** Bytes of each. */
  readonly slabs: readonly number[];
  /** The most bytes alive at once: no packing needs less. */
  readonly bound: number;
}

interface Placed extends PackItem {
  readonly offset: number;
}

interface Slab {
  bytes: number;
  /** Sorted by offset. */
  readonly placed: Placed[];
  readonly ids: Set<number>;
}

/**
 * `apart` gives, for an item, those that may not share its slab. `largest` is the most bytes of one slab, and
 * `alignment` that of offsets in bytes.
 */
export function pack(
  items: readonly PackItem[],
  apart: ReadonlyMap<number, ReadonlySet<number>>,
  largest: number,
  alignment: number,
): Packed {
  const slabs: Slab[] = [];
  const places = new Map<number, { slab: number; offset: number }>();
  for (const item of items.toSorted((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const enemies = apart.get(item.id);
    let best: { slab: number; offset: number; growth: number } | undefined;
    for (const [index, slab] of slabs.entries()) {
      if (enemies && meets(enemies, slab.ids)) continue;
      const offset = offsetIn(slab, item, alignment);
      const growth = Math.max(0, offset + item.bytes - slab.bytes);
      if (growth > 0 && offset + item.bytes > largest) continue;
      if (!best || growth < best.growth) best = { slab: index, offset, growth };
      if (growth === 0) break;
    }
    if (!best) {
      best = { slab: slabs.length, offset: 0, growth: item.bytes };
      slabs.push({ bytes: 0, placed: [], ids: new Set() });
    }
    const slab = slabs[best.slab]!;
    slab.bytes = Math.max(slab.bytes, best.offset + item.bytes);
    insert(slab.placed, { ...item, offset: best.offset });
    slab.ids.add(item.id);
    places.set(item.id, { slab: best.slab, offset: best.offset });
  }
  return { places, slabs: slabs.map(({ bytes }) => bytes), bound: mostAlive(items) };
}

function meets(some: ReadonlySet<number>, others: ReadonlySet<number>): boolean {
  for (const id of some) if (others.has(id)) return true;
  return false;
}

/** The smallest gap that fits between those alive at the same time, or behind all of them. */
function offsetIn(slab: Slab, item: PackItem, alignment: number): number {
  let end = 0;
  let best: { offset: number; gap: number } | undefined;
  for (const other of slab.placed) {
    if (other.last < item.first || other.first > item.last) continue;
    const gap = other.offset - end;
    if (gap >= item.bytes && (!best || gap < best.gap)) best = { offset: end, gap };
    end = Math.max(end, Math.ceil((other.offset + other.bytes) / alignment) * alignment);
  }
  return best?.offset ?? end;
}

function insert(placed: Placed[], item: Placed): void {
  let at = placed.length;
  while (at > 0 && placed[at - 1]!.offset > item.offset) at--;
  placed.splice(at, 0, item);
}

export function mostAlive(items: readonly PackItem[]): number {
  const changes = new Map<number, number>();
  const add = (time: number, bytes: number): void => {
    changes.set(time, (changes.get(time) ?? 0) + bytes);
  };
  for (const { first, last, bytes } of items) {
    add(first, bytes);
    add(last + 1, -bytes);
  }
  let alive = 0;
  let most = 0;
  for (const [, bytes] of [...changes].toSorted(([a], [b]) => a - b)) {
    alive += bytes;
    most = Math.max(most, alive);
  }
  return most;
}
