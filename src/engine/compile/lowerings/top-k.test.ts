/**
 * The k largest, counted (short lines) and selected (long ones), against a sort in JavaScript: what is no number is the
 * largest, both zeros are equal, of equal ones the first comes first.
 */
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { derive } from '../../../core/index.ts';
import { recordGraph } from '../../graph/index.ts';
import { expectSameAsCpu, normal } from '../../testing/compiled.ts';
import { openTestGpu, runPlan } from '../../testing/run-plan.ts';
import * as tf from '../../tf.ts';
import { type KernelPlan, planGraph } from '../index.ts';

const gpu = await openTestGpu();
const hasHalf = gpu?.features.includes('shader-f16') ?? false;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const comparable = (x: number): number => (Number.isNaN(x) ? Number.POSITIVE_INFINITY : x);

/** Places of the k largest of each line, in order. */
function placesOf(data: ArrayLike<number>, length: number, k: number): number[] {
  const places: number[] = [];
  for (let first = 0; first < data.length; first += length) {
    const line = Array.from({ length }, (_, i) => i);
    const at = (i: number): number => data[first + i]!;
    line.sort((i, j) => {
      const [noI, noJ] = [Number.isNaN(at(i)), Number.isNaN(at(j))];
      if (noI !== noJ) return noI ? -1 : 1;
      const [a, b] = [comparable(at(i)), comparable(at(j))];
      return a === b ? i - j : a > b ? -1 : 1;
    });
    places.push(...line.slice(0, k));
  }
  return places;
}

/** Bits of numbers that are hard to put in order: zeros first, and of what is no number several kinds. */
const odd = new Float32Array(
  Uint32Array.from([
    0x80000000, 0, 0x7fc00000, 0xffc00000, 0x7f800000, 0xff800000, 0xff7fffff, 0x7f800001, 0x3f800000,
    0x3f800001, 0xbf800000, 0xbf800001, 0xc0000000,
  ]).buffer,
);

/** Standard normal numbers, in every third place an odd one. */
function mixed(size: number): Float32Array {
  const random = derive(7, 'top-k', size);
  return Float32Array.from({ length: size }, (_, i) =>
    i % 3 ? random.normal() : odd[(i / 3) % odd.length]!,
  );
}

async function topOf(
  data: Float32Array | Int32Array,
  shape: readonly number[],
  k: number,
): Promise<{ values: number[]; places: number[]; plan: KernelPlan }> {
  const x = tf.tensor(data, [...shape], data instanceof Int32Array ? 'int32' : 'float32');
  const graph = await recordGraph(
    ({ x }) => {
      const { values, indices } = tf.topk(x!, k);
      return { values, indices };
    },
    { x },
  );
  const { features, limits, software } = gpu!;
  const plan = planGraph(graph, { features: new Set(features), limits, software });
  const { values, indices } = await runPlan(gpu!, plan, { inputs: { x: data as never } });
  return { values: [...values!].map(Number), places: [...indices!].map(Number), plan };
}

async function expectTop(
  data: Float32Array | Int32Array,
  shape: readonly number[],
  k: number,
): Promise<void> {
  const { values, places, plan } = await topOf(data, shape, k);
  const length = shape.at(-1)!;
  const expected = placesOf(data, length, k);
  expect(places).toEqual(expected);
  // Zeros may lose their sign.
  const taken = expected.map((place, i) => data[Math.floor(i / k) * length + place]! + 0);
  expect(values.map((value) => value + 0)).toEqual(taken);
  const selects = plan.kernels.some(({ wgsl }) => wgsl.includes('fn boundary'));
  expect(selects).toBe(length >= 512 && k <= Math.min(1024, length / 2));
}

describe.skipIf(!gpu)('the k largest', () => {
  it.each([
    [[2, 13], 13],
    [[30], 7],
    [[600], 300],
    [[3, 64], 40],
    [[2, 512], 256],
    [[2, 513], 257],
    [[2, 3, 1030], 77],
    [[300, 514], 1],
    [[1, 70_000], 1024],
  ] as const)('of [%s], %i of each line, numbers among them that are none', async (shape, k) => {
    const size = shape.reduce((product: number, length) => product * length, 1);
    await expectTop(mixed(size), shape, k);
  });

  it.each([
    [40, 12],
    [600, 300],
  ])('of lines of %i that are one number, or two that differ in the last bit', async (length, k) => {
    const same = new Float32Array(length).fill(-0.25);
    const near = Float32Array.from({ length }, (_, i) => odd[i % 5 ? 8 : 9]!);
    const none = new Float32Array(length).fill(Number.NaN);
    const lowest = new Float32Array(length).fill(Number.NEGATIVE_INFINITY);
    const data = Float32Array.from([same, near, none, lowest].flatMap((line) => [...line]));
    await expectTop(data, [4, length], k);
  });

  it.each([
    [50, 20],
    [900, 400],
  ])('of whole numbers, the largest and the smallest among them: lines of %i', async (length, k) => {
    const ends = [2 ** 31 - 1, -(2 ** 31), 0, -1, 1, 2 ** 24, 2 ** 24 + 1];
    const data = Int32Array.from({ length: 3 * length }, (_, i) => ends[(i * i) % 11] ?? i);
    await expectTop(data, [3, length], k);
  });

  it('of lines that are views, and with what follows in the same kernel', async () => {
    await expectSameAsCpu(
      gpu!,
      ({ x }) => {
        const columns = tf.topk(tf.transpose(x!), 6);
        const part = tf.topk(tf.slice(x!, [1, 2], [600, 3]).reshape([3, 600]), 299);
        return {
          values: tf.add(tf.mul(columns.values, 2), 1),
          places: columns.indices,
          partly: tf.sqrt(tf.abs(part.values)),
          partPlaces: tf.add(part.indices, tf.scalar(1, 'int32')),
        };
      },
      { x: normal([700, 5], 3) },
    );
  });

  it.skipIf(!hasHalf)('of numbers in half precision, those that became equal included', async () => {
    const [rows, length, k] = [3, 600, 300] as const;
    const x = normal([rows, length], 5);
    const weight = tf.eye(length);
    const graph = await recordGraph(
      ({ x, weight }) => {
        // The product with the identity is stored as f16.
        const { values, indices } = tf.topk(tf.matMul(x!, weight!), k);
        return { values, indices };
      },
      { x, weight },
    );
    const { features, limits, software } = gpu!;
    const plan = planGraph(graph, { features: new Set(features), limits, software, precision: 'fp16' });
    const halves = [...plan.values.values()].filter(({ storage }) => storage === 'f16');
    expect(halves.map(({ shape }) => shape)).toContainEqual([rows, length]);
    const fed = { x: x.dataSync(), weight: weight.dataSync() } as never;
    const { values, indices } = await runPlan(gpu!, plan, { inputs: fed });
    const sorted = [...values!].map(Number);
    const places = [...indices!].map(Number);
    const numbers = x.dataSync();
    for (let row = 0; row < rows; row++) {
      const own = places.slice(row * k, (row + 1) * k);
      expect(new Set(own).size).toBe(k);
      own.forEach((place, i) => {
        const value = sorted[row * k + i]!;
        expect(Math.abs(value - numbers[row * length + place]!)).toBeLessThan(2e-3);
        if (i === 0) return;
        const before = sorted[row * k + i - 1]!;
        expect(before).toBeGreaterThanOrEqual(value);
        if (before === value) expect(own[i - 1]!).toBeLessThan(place);
      });
    }
  });
});
