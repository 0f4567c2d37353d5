/** Which kernels are joined, and that they still compute the same. */
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import * as ops from '../ops/index.ts';
import { Tape } from '../tape.ts';
import { expectSameAsCpu, normal, planOf } from '../testing/compiled.ts';
import { openTestGpu } from '../testing/run-plan.ts';
import * as tf from '../tf.ts';
import type { KernelPlan } from './index.ts';

const gpu = await openTestGpu();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

type Tensors = Readonly<Record<string, tf.Tensor>>;

/** The gradients of Σ y·dy. */
const gradients =
  (run: (inputs: Tensors) => tf.Tensor, names: readonly string[]) =>
  (inputs: Tensors): Tensors => {
    const tape = new Tape();
    const y = run(inputs);
    const found = tape.gradients(
      tf.sum(tf.mul(y, inputs.dy!)),
      names.map((name) => inputs[name]!),
    );
    const named = Object.fromEntries(names.map((name, i) => [`d${name}`, tf.clone(found[i]!)]));
    tape.dispose(Object.values(named));
    return named;
  };

/** Without a device: the plan alone. With one: also the numbers. */
async function check(
  fn: (inputs: Tensors) => Tensors,
  inputs: Tensors,
  tolerance = 1e-5,
): Promise<KernelPlan> {
  return gpu ? expectSameAsCpu(gpu, fn, inputs, tolerance) : planOf(fn, inputs);
}

const names = (plan: KernelPlan): string => plan.kernels.map(({ label }) => label).join('\n');

describe('rows', () => {
  for (const [rows, columns] of [
    [1, 1],
    [3, 5],
    [17, 64],
    [65, 65],
    [7, 1000],
    [300, 132],
    [2, 4100],
  ] as const) {
    it(`normalises ${rows} × ${columns}`, async () => {
      const inputs = {
        x: normal([rows, columns]),
        weight: normal([columns], 2),
        bias: normal([columns], 3),
        dy: normal([rows, columns], 4),
      };
      const norm = ({ x, weight, bias }: Tensors): tf.Tensor => ops.layerNorm(x!, weight!, bias!, 1e-5);
      const forward = await check((all) => ({ y: norm(all) }), inputs);
      if (columns < 4096) expect(forward.kernels.length, names(forward)).toBe(1);
      const backward = await check(gradients(norm, ['x', 'weight', 'bias']), inputs, 3e-5);
      if (columns < 4096) expect(backward.kernels.length, names(backward)).toBeLessThanOrEqual(4);
    });
  }

  it('takes softmax, its logarithm and cross entropy in one kernel each', async () => {
    for (const columns of [3, 10, 17, 128, 1000]) {
      const inputs = { x: normal([2, 33, columns]), dy: normal([2, 33, columns], 2) };
      const softmax = await check(({ x }) => ({ y: tf.softmax(x!) }), inputs);
      expect(softmax.kernels.length, names(softmax)).toBe(1);
      const logs = await check(({ x }) => ({ y: ops.logSoftmax(x!) }), inputs);
      expect(logs.kernels.length, names(logs)).toBe(1);
      const gradient = await check(
        gradients(({ x }) => ops.softmax(x!), ['x']),
        inputs,
      );
      expect(gradient.kernels.length, names(gradient)).toBeLessThanOrEqual(2);
    }
    const labels = tf.tensor1d([0, 2, 1, 4, -100], 'int32');
    const loss = await check(
      ({ x, labels }) => ({ loss: ops.softmaxCrossEntropy(x!, labels!, { labelSmoothing: 0.1 }) }),
      { x: normal([5, 5]), labels },
    );
    expect(loss.kernels.length, names(loss)).toBeLessThanOrEqual(4);
  });
});

describe('columns', () => {
  for (const shape of [
    [3, 5],
    [17, 65],
    [2, 9, 1000],
    [4, 20, 20, 12],
    [2000, 33],
    [70, 64],
  ]) {
    it(`takes batch norm of [${shape.join(', ')}] and back`, async () => {
      const channels = shape.at(-1)!;
      const inputs = {
        x: normal(shape),
        weight: normal([channels], 2),
        bias: normal([channels], 3),
        dy: normal(shape, 4),
      };
      const norm = ({ x, weight, bias }: Tensors): tf.Tensor => ops.batchNorm(x!, weight!, bias!, 1e-5).y;
      const forward = await check((all) => ({ y: norm(all) }), inputs);
      expect(forward.kernels.length, names(forward)).toBeLessThanOrEqual(5);
      const backward = await check(gradients(norm, ['x', 'weight', 'bias']), inputs, 5e-5);
      expect(backward.kernels.length, names(backward)).toBeLessThanOrEqual(8);
    });
  }

  it('sums a bias gradient in at most two kernels, several of them together', async () => {
    const inputs = { x: normal([900, 24]), y: normal([900, 24], 2) };
    const one = await check(({ x }) => ({ sum: tf.sum(x!, 0) }), inputs);
    expect(one.kernels.length).toBeLessThanOrEqual(2);
    const both = await check(
      ({ x, y }) => ({ a: tf.sum(x!, 0), b: tf.sum(tf.mul(x!, y!), 0), c: tf.sum(y!, 0) }),
      inputs,
    );
    expect(both.kernels.length, names(both)).toBeLessThanOrEqual(2);
  });

  it('stores what it combines when others need it', async () => {
    const plan = await check(
      ({ x, y }) => {
        const product = tf.mul(tf.exp(x!), y!);
        return { product, sum: tf.sum(product, 0), turned: tf.transpose(product) };
      },
      { x: normal([66, 20]), y: normal([66, 20], 2) },
    );
    expect(plan.kernels.length, names(plan)).toBeLessThanOrEqual(3);
  });
});

describe('whole', () => {
  it('combines all of a tensor in two kernels, with what follows', async () => {
    const plan = await check(
      ({ x }) => ({ norm: tf.sqrt(tf.add(ops.sumOfSquares(x!), 1)) }),
      { x: normal([33, 1001]) },
      1e-4,
    );
    expect(plan.kernels.length, names(plan)).toBe(2);
  });
});

describe('rewriting', () => {
  it('computes once what is written twice, and drops what changes nothing', async () => {
    const plan = await check(
      ({ x }) => ({
        y: tf.add(tf.exp(tf.mul(x!, 1)), tf.exp(tf.clone(x!))),
        z: tf.add(tf.reshape(tf.transpose(tf.expandDims(x!, 0), [0, 2, 1]), [5, 3]), tf.scalar(0)),
      }),
      { x: normal([3, 5]) },
    );
    expect(plan.kernels.map(({ wgsl }) => wgsl.match(/exp\(/g)?.length ?? 0).reduce((a, b) => a + b)).toBe(1);
  });

  it('keeps parts of one tensor apart', async () => {
    await check(
      ({ x }) => {
        const [a, b] = tf.split(x!, [2, 3], 1);
        const [c, d] = tf.unstack(x!, 0);
        return { a: tf.exp(a!), b: tf.exp(b!), sum: tf.add(c!, d!) };
      },
      { x: normal([2, 5]) },
    );
  });
});
