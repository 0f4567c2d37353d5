import { describe, expect, it } from 'vitest';
import type { Batch } from '../data/index.ts';
import { mixBatch, mixTargets } from './mix.ts';

const side = 6;

/** Four rows; every pixel of row r is r + 1. The last one only fills up. */
function batch(): Batch {
  const rows = [1, 2, 3, 9];
  const length = 3 * side * side;
  return {
    position: 0,
    indices: [0, 1, 2, 0],
    imageIds: [0, 1, 2, 0],
    pixelValues: Float32Array.from({ length: 4 * length }, (_, i) => rows[Math.floor(i / length)]!),
    pixelMask: new Uint8Array(4 * side * side).fill(1),
    shape: [4, 3, side, side],
    samples: [],
    count: 3,
  };
}
const labels = { shape: [4, 4], data: Float32Array.from([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]) };

describe('mixup and cutmix', () => {
  it.each([
    ['mixup', { mixupAlpha: 0.8, cutmixAlpha: 0 }],
    ['cutmix', { mixupAlpha: 0, cutmixAlpha: 1 }],
  ])('%s mixes targets by the share of the picture that remains', (_, options) => {
    for (let step = 1; step <= 20; step++) {
      const mixed = mixBatch(batch(), options, 5, step, 0)!;
      const targets = mixTargets({ labels }, mixed.mix, 4).labels!.data;
      for (let row = 0; row < 4; row++) {
        const pixels = mixed.batch.pixelValues.slice(row * 3 * side * side, (row + 1) * 3 * side * side);
        const mean = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
        const expected = [1, 2, 3, 9].reduce(
          (sum, value, label) => sum + value * targets[row * 4 + label]!,
          0,
        );
        expect(mean).toBeCloseTo(expected, 4);
      }
      // Rows that only fill up stay out of it.
      expect([...targets.slice(12)]).toEqual([0, 0, 0, 1]);
    }
  });

  it('repeats itself for the same step and differs for another', () => {
    const options = { mixupAlpha: 0.4, cutmixAlpha: 1 };
    const share = (step: number, part = 0) => mixBatch(batch(), options, 5, step, part)!.mix.share;
    expect(share(3)).toBe(share(3));
    expect(share(3)).not.toBe(share(4));
    expect(share(3)).not.toBe(share(3, 1));
  });

  it('draws its share from Beta(α, α)', () => {
    const shares = Array.from(
      { length: 4000 },
      (_, step) => mixBatch(batch(), { mixupAlpha: 0.5, cutmixAlpha: 0 }, 1, step, 0)!.mix.share,
    );
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length;
    expect(mean).toBeCloseTo(0.5, 1);
    // Var Beta(a, a) = 1 / (4 (2a + 1))
    expect(variance).toBeCloseTo(0.125, 1.5);
  });

  it('leaves a batch alone when it is off', () => {
    expect(mixBatch(batch(), { mixupAlpha: 0, cutmixAlpha: 0 }, 1, 1, 0)).toBeUndefined();
  });
});
