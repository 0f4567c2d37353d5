import { describe, expect, it } from 'vitest';
import { derive } from '../../core/index.ts';
import { type PackItem, pack } from './pack.ts';

/** Items as a network with a backward pass has them: most live until the backward pass reaches them. */
function items(seed: number, layers: number): { items: PackItem[]; apart: Map<number, Set<number>> } {
  const random = derive(seed, 'pack');
  const last = 2 * layers;
  const found: PackItem[] = [];
  const apart = new Map<number, Set<number>>();
  const separate = (one: number, other: number): void => {
    for (const [a, b] of [
      [one, other],
      [other, one],
    ] as const)
      apart.set(a, (apart.get(a) ?? new Set()).add(b));
  };
  for (let time = 0; time < last; time++) {
    const forward = time < layers;
    const bytes = 4 * (1 + Math.floor(random.next() * 256_000));
    const end = forward && random.next() < 0.8 ? last - time : time + 1;
    found.push({ id: time, bytes, first: time, last: end });
    if (time > 0) separate(time, time - 1);
    if (!forward) separate(time, last - 1 - time);
  }
  return { items: found, apart };
}

describe('pack', () => {
  it.each([1, 2, 3, 4])('keeps what lives together apart and wastes little (%i)', (seed) => {
    const { items: given, apart } = items(seed, 60);
    const { places, slabs, bound } = pack(given, apart, Number.POSITIVE_INFINITY, 256);
    for (const [i, one] of given.entries()) {
      const its = places.get(one.id)!;
      expect(its.offset % 256).toBe(0);
      expect(its.offset + one.bytes).toBeLessThanOrEqual(slabs[its.slab]!);
      for (const other of given.slice(i + 1)) {
        const there = places.get(other.id)!;
        if (its.slab !== there.slab) continue;
        expect(apart.get(one.id)!.has(other.id), 'bound for reading and for writing').toBe(false);
        const together = one.first <= other.last && other.first <= one.last;
        const overlap = its.offset < there.offset + other.bytes && there.offset < its.offset + one.bytes;
        expect(together && overlap, `${one.id} and ${other.id}`).toBe(false);
      }
    }
    const taken = slabs.reduce((sum, slab) => sum + slab, 0);
    expect(taken).toBeGreaterThanOrEqual(bound);
    expect(taken / bound).toBeLessThan(1.25);
  });

  it('begins another slab where one would become too large', () => {
    const given = [0, 1, 2].map((id) => ({ id, bytes: 512, first: 0, last: 1 }));
    expect(pack(given, new Map(), 1024, 256).slabs).toEqual([1024, 512]);
  });
});
