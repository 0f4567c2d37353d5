/** Sums by index, sorting, running sums, dropout and label losses compiled, against the cpu backend. */
import '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import * as ops from '../../ops/index.ts';
import { expectSameAsCpu, normal, planOf } from '../../testing/compiled.ts';
import { openTestGpu, runPlan } from '../../testing/run-plan.ts';
import * as tf from '../../tf.ts';

const gpu = await openTestGpu();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

interface LossCase {
  readonly weight?: number[];
  readonly labelSmoothing?: number;
  readonly ignoreIndex?: number;
}
const losses: readonly (readonly [name: string, options: LossCase])[] = [
  ['plain', {}],
  ['weighted and smoothed', { weight: [1, 0.5, 2, 3, 0.1, 1], labelSmoothing: 0.1 }],
  ['another ignored label', { ignoreIndex: 2 }],
];

/** Ids of nine segments and some that are none. */
const outside = [3, -1, 7, 2 ** 31 - 1, 0, -(2 ** 31), 9, 8, 8];

const image = (): tf.Tensor => normal([2, 7, 9, 3], 5);

describe.skipIf(!gpu)('indices', () => {
  it('sums segments, in any order and with empty ones; the gradient of gather is one', async () => {
    await expectSameAsCpu(
      gpu!,
      ({ x, ids }) => ({
        sums: tf.unsortedSegmentSum(x!, ids as tf.Tensor1D, 6),
        three: tf.unsortedSegmentSum(tf.slice(x!, [0, 1], [8, 3]), ids as tf.Tensor1D, 6),
        numbers: tf.unsortedSegmentSum(tf.sum(x!, 1), ids as tf.Tensor1D, 8),
        gradient: tf.grad((table: tf.Tensor) => tf.sum(tf.square(tf.gather(table, ids as tf.Tensor1D))))(
          tf.slice(x!, 0, 6),
        ),
      }),
      { x: normal([8, 4]), ids: tf.tensor1d([0, 1, 5, 5, 2, 0, 3, 0], 'int32') },
    );
  });

  it('scatters and gathers by several axes; what falls on one place is added', async () => {
    await expectSameAsCpu(
      gpu!,
      ({ x, at }) => {
        const spread = tf.scatterND(at!, x!, [4, 5, 2]);
        return { spread, back: tf.gatherND(spread, at!) };
      },
      {
        x: normal([3, 2]),
        at: tf.tensor2d(
          [
            [0, 1],
            [3, 4],
            [0, 1],
          ],
          [3, 2],
          'int32',
        ),
      },
    );
  });

  it('reads indices by fours, where segments are few and where they are many', async () => {
    const ids = Array.from({ length: 52 }, (_, i) => ((i * 7) % 11) - 1);
    const plan = await expectSameAsCpu(
      gpu!,
      ({ x, ids, at }) => ({
        few: tf.unsortedSegmentSum(x!, ids as tf.Tensor1D, 9),
        many: tf.unsortedSegmentSum(x!, ids as tf.Tensor1D, 90),
        spread: tf.scatterND(at!, x!, [9, 6]),
        far: tf.scatterND(at!, x!, [90, 6]),
      }),
      {
        x: normal([52, 6]),
        ids: tf.tensor1d(ids, 'int32'),
        at: tf.tensor2d(
          ids.map((id) => Math.abs(id) % 9),
          [52, 1],
          'int32',
        ),
      },
    );
    expect(plan.kernels.filter(({ label }) => label.endsWith(' order'))).toHaveLength(2);
    expect(plan.kernels.filter(({ wgsl }) => wgsl.includes('array<vec4<i32>>'))).not.toHaveLength(0);
  });

  it.each([
    [50, true],
    [51, false],
    [51, true],
    [52, false],
    [52, true],
  ])('sums %i rows; ids far outside count nowhere (on a processor: %s)', async (rows, software) => {
    // One more than rows: a slice of them does not begin where fours do.
    const ids = Array.from({ length: rows + 1 }, (_, i) => outside[(i * i) % outside.length]!);
    const plan = await expectSameAsCpu(
      gpu!,
      ({ x, ids }) => {
        const [few, many] = [9, 8 * rows];
        const later = tf.slice(ids!, [1], [rows]) as tf.Tensor1D;
        const rest = tf.slice(x!, [1, 0], [rows, 4]);
        return {
          few: tf.unsortedSegmentSum(x!, ids as tf.Tensor1D, few),
          many: tf.unsortedSegmentSum(x!, ids as tf.Tensor1D, many),
          laterFew: tf.unsortedSegmentSum(rest, later, few),
          laterMany: tf.unsortedSegmentSum(rest, later, many),
          shifted: tf.unsortedSegmentSum(x!, tf.add(ids!, tf.scalar(1, 'int32')) as tf.Tensor1D, few),
        };
      },
      { x: normal([rows + 1, 4]), ids: tf.tensor1d(ids, 'int32') },
      2e-6,
      { software },
    );
    expect(plan.kernels.some(({ wgsl }) => wgsl.includes('array<vec4<i32>>'))).toBe((rows + 1) % 4 === 0);
  });

  it.each([
    [51, 33],
    [52, 64],
  ])(
    'collects %i rows of %i by segment on a processor, and adds them in their order',
    async (rows, inner) => {
      const ids = Array.from({ length: rows }, (_, i) => outside[(i * i) % outside.length]!);
      // So different in size that sums in another order would be others.
      const x = tf.mul(normal([rows, inner]), tf.pow(10, tf.reshape(tf.range(0, rows).mod(7), [rows, 1])));
      const inputs = { x, ids: tf.tensor1d(ids, 'int32') };
      const plan = await planOf(
        ({ x, ids }) => ({ y: tf.unsortedSegmentSum(x!, ids as tf.Tensor1D, 9) }),
        inputs,
        gpu!,
        { software: true },
      );
      expect(plan.kernels.map(({ label }) => label)).toEqual([
        'UnsortedSegmentSum order',
        'UnsortedSegmentSum',
      ]);
      expect(plan.kernels[0]!.wgsl).toContain('min(u32(');
      const numbers = x.dataSync();
      const { y } = await runPlan(gpu!, plan, {
        inputs: { x: numbers as never, ids: inputs.ids.dataSync() as never },
      });
      const expected = new Float32Array(9 * inner);
      ids.forEach((id, row) => {
        if (id < 0 || id >= 9) return;
        for (let i = 0; i < inner; i++)
          expected[id * inner + i] = Math.fround(expected[id * inner + i]! + numbers[row * inner + i]!);
      });
      expect(y).toEqual(expected);
    },
  );

  it.each([
    [1, [9], 3, true],
    [1, [200], 3, false],
    [2, [3, 5], 40, true],
    [2, [20, 30], 3, false],
  ] as const)(
    'scatters by %i indices into [%s]; what lies outside along any axis goes nowhere',
    async (depth, leading, inner, software) => {
      for (const rows of [7, 52]) {
        const places = Array.from(
          { length: rows * depth },
          (_, i) => ((i * i * 5) % (leading[i % depth]! + 4)) - 2,
        );
        // TensorFlow.js refuses such indices: they come when the plan is made.
        const inputs = { at: tf.zeros([rows, depth], 'int32'), x: normal([rows, inner]) };
        const shape = [...leading, inner];
        const plan = await planOf(({ at, x }) => ({ y: tf.scatterND(at!, x!, shape) }), inputs, gpu!, {
          software,
        });
        const numbers = inputs.x.dataSync();
        const fed = { at: Int32Array.from(places), x: numbers };
        const { y } = await runPlan(gpu!, plan, { inputs: fed as never });
        const expected = new Float32Array(shape.reduce((product, length) => product * length, 1));
        for (let row = 0; row < rows; row++) {
          const own = places.slice(row * depth, (row + 1) * depth);
          if (own.some((place, axis) => place < 0 || place >= leading[axis]!)) continue;
          const cell = own.reduce((offset, place, axis) => offset * leading[axis]! + place, 0);
          for (let i = 0; i < inner; i++) expected[inner * cell + i]! += numbers[inner * row + i]!;
        }
        expected.forEach((number, i) => {
          expect(y![i], `${rows} rows, element ${i}`).toBeCloseTo(number, 5);
        });
      }
    },
  );

  it('finds many segments by halving; ids outside of them count nowhere', async () => {
    const plan = await expectSameAsCpu(
      gpu!,
      ({ x, ids, at }) => ({
        sums: tf.unsortedSegmentSum(x!, ids as tf.Tensor1D, 40),
        odd: tf.unsortedSegmentSum(tf.slice(x!, [0, 1], [9, 3]), ids as tf.Tensor1D, 40),
        whole: tf.unsortedSegmentSum(tf.cast(tf.mul(x!, 10), 'int32'), ids as tf.Tensor1D, 40),
        spread: tf.scatterND(at!, x!, [7, 8, 8]),
      }),
      {
        x: normal([9, 8]),
        ids: tf.tensor1d([39, 0, 7, 7, 38, 0, 40, 7, -1], 'int32'),
        at: tf.tensor2d([6, 7, 0, 0, 3, 3, 6, 7, 1, 2, 0, 7, 6, 0, 3, 3, 3, 3], [9, 2], 'int32'),
      },
    );
    expect(plan.kernels.filter(({ label }) => label.endsWith(' order'))).toHaveLength(4);
  });

  it('runs sums in every direction', async () => {
    await expectSameAsCpu(
      gpu!,
      ({ x }) => ({
        plain: tf.cumsum(x!, 1),
        exclusive: tf.cumsum(x!, 2, true),
        reverse: tf.cumsum(x!, 3, false, true),
        both: tf.cumsum(x!, 0, true, true),
      }),
      { x: image() },
    );
  });

  it('finds the first of the largest and smallest, and the k largest in order', async () => {
    await expectSameAsCpu(
      gpu!,
      ({ x }) => {
        const top = tf.topk(x!, 4);
        return {
          largest: tf.argMax(x!, 2),
          smallest: tf.argMin(x!, 0),
          values: top.values,
          places: top.indices,
        };
      },
      { x: tf.round(normal([3, 5, 11])) },
    );
    await expectSameAsCpu(
      gpu!,
      ({ x }) => {
        const top = tf.topk(x!, 70);
        return { values: top.values, places: top.indices };
      },
      { x: tf.round(normal([3, 72]).mul(3)) },
    );
  });

  it('selects the k largest of long lines, of equal ones the first', async () => {
    const ties = tf.round(normal([3, 700]).mul(3));
    const [zeros, mixed] = [tf.zeros([1, 700]), tf.tile(tf.tensor2d([[0, -0, -1, 0]]), [1, 175])];
    const fine = normal([2, 700], 3).mul(1e-3);
    const lines = tf.concat([ties, zeros, mixed, fine]) as tf.Tensor2D;
    const plan = await expectSameAsCpu(
      gpu!,
      ({ x, odd }) => {
        const [some, one, whole] = [tf.topk(x!, 100), tf.topk(odd!, 1), tf.topk(tf.cast(x!, 'int32'), 300)];
        return {
          values: some.values,
          places: some.indices,
          first: one.values,
          firstPlace: one.indices,
          whole: whole.values,
          wholePlaces: whole.indices,
          after: tf.add(tf.topk(tf.neg(x!), 7).values, 1),
        };
      },
      { x: lines, odd: normal([2, 3, 513]) },
    );
    expect(plan.kernels.filter(({ wgsl }) => wgsl.includes('fn rank_key'))).toHaveLength(4);
  });

  it('drops the same elements and samples', async () => {
    const plan = await expectSameAsCpu(
      gpu!,
      ({ x, seed }) => ({
        elements: ops.dropout(x!, 0.3, seed!, 5),
        samples: ops.dropPath(x!, 0.5, seed!, 2),
      }),
      { x: image(), seed: tf.scalar(-12345, 'int32') },
      0,
    );
    expect(plan.inputs.seed).toBeDefined();
  });

  it.each(losses)('takes cross entropy from class indices: %s', async (_, { weight, ...options }) => {
    const loss = (logits: tf.Tensor, labels: tf.Tensor): tf.Tensor =>
      ops.softmaxCrossEntropy(logits, labels, {
        ...options,
        ...(weight ? { weight: tf.tensor1d(weight) } : {}),
      });
    const plan = await expectSameAsCpu(
      gpu!,
      ({ logits, labels }) => ({
        loss: loss(logits!, labels!),
        gradient: tf.grad((x: tf.Tensor) => loss(x, labels!))(logits!),
      }),
      {
        logits: normal([50, 6]),
        labels: tf.tensor1d(
          Array.from({ length: 50 }, (_, i) => (i % 7 === 6 ? -100 : i % 7)),
          'int32',
        ),
      },
    );
    // The targets as a matrix exist nowhere: only logits, their gradient.
    const matrices = [...plan.values.values()].filter(({ shape }) => shape.join() === '50,6');
    expect(matrices.length).toBe(2);
  });
});
