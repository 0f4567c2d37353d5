/** Activations in half the bytes: less memory, and numbers within what f16 rounds. */
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { Execution, estimate } from '../execute/index.ts';
import { type Graph, recordGraph, replayGraph } from '../graph/index.ts';
import * as ops from '../ops/index.ts';
import { Tape } from '../tape.ts';
import { expandUnlowered, normal } from '../testing/compiled.ts';
import { openTestGpu, runPlan } from '../testing/run-plan.ts';
import * as tf from '../tf.ts';
import { type KernelPlan, planGraph } from './index.ts';

type Tensors = Readonly<Record<string, tf.Tensor>>;

const gpu = await openTestGpu();
const hasHalf = gpu?.features.includes('shader-f16') ?? false;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Loss and gradients with respect to all inputs. */
function differentiated(network: (inputs: Tensors) => tf.Tensor): (inputs: Tensors) => Tensors {
  return (inputs) => {
    const tape = new Tape();
    const loss = tf.mean(tf.square(network(inputs)));
    const found = tape.gradients(loss, Object.values(inputs));
    const gradients = Object.keys(inputs).map((name, i) => [`d${name}`, found[i]!] as const);
    const results = { loss: tf.clone(loss), ...Object.fromEntries(gradients) };
    tape.dispose(Object.values(results));
    return results;
  };
}

const record = (network: (inputs: Tensors) => tf.Tensor, inputs: Tensors): Promise<Graph> =>
  recordGraph(differentiated(network), inputs, { expand: expandUnlowered });

const halvesOf = (plan: KernelPlan): number[] =>
  [...plan.values.values()].filter(({ storage }) => storage === 'f16').map(({ id }) => id);

/** Norm, three projections, attention, projection, residual, GELU. */
const transformerInputs = (): Tensors => ({
  x: normal([2, 24, 32], 1),
  q: normal([32, 32], 2).mul(0.2),
  k: normal([32, 32], 3).mul(0.2),
  v: normal([32, 32], 4).mul(0.2),
  o: normal([32, 32], 5).mul(0.2),
});
const heads = (x: tf.Tensor): tf.Tensor => tf.transpose(tf.reshape(x, [2, 24, 2, 16]), [0, 2, 1, 3]);
const transformer = ({ x, q, k, v, o }: Tensors): tf.Tensor => {
  const normed = ops.layerNorm(x!, tf.fill([32], 1), tf.fill([32], 0.1), 1e-5);
  const projected = [q!, k!, v!].map((weight) => heads(ops.linear(normed, weight)));
  const [queries, keys, values] = projected as [tf.Tensor, tf.Tensor, tf.Tensor];
  const mixed = tf.transpose(ops.attention(queries, keys, values), [0, 2, 1, 3]);
  return ops.gelu(tf.add(x!, ops.linear(tf.reshape(mixed, [2, 24, 32]), o!)));
};

/** Convolution, maximum, ReLU, depthwise convolution, resizing, 1×1 convolution. */
const convolutionalInputs = (): Tensors => ({
  x: normal([2, 12, 12, 8], 1),
  a: normal([16, 8, 3, 3], 2).mul(0.2),
  b: normal([16, 1, 3, 3], 3).mul(0.2),
  c: normal([8, 16, 1, 1], 4).mul(0.2),
});
const convolutional = ({ x, a, b, c }: Tensors): tf.Tensor => {
  const first = ops.conv2d(x!, a!, { padding: 1 });
  const pooled = tf.relu(ops.maxPool2d(first, { kernel: 3, stride: 1, padding: 1 }));
  const second = ops.conv2d(pooled, b!, { padding: 1, groups: 16 });
  return ops.conv2d(ops.interpolate(second, { size: [15, 17], mode: 'bilinear' }), c!, {});
};

const networks = {
  transformer: [transformer, transformerInputs],
  convolutions: [convolutional, convolutionalInputs],
} as const;

describe('half precision', () => {
  it('stores activations in half the bytes, and neither statistics nor gradients of weights', async () => {
    const graph = await record(transformer, transformerInputs());
    const target = { features: new Set<string>(), limits: {} };
    const plan = planGraph(graph, { ...target, precision: 'fp16' });
    const halves = halvesOf(plan);
    expect(halves.length).toBeGreaterThan(8);
    for (const id of halves) {
      const { shape } = plan.values.get(id)!;
      // No gradient of a weight, no statistic of a row.
      expect(shape).not.toEqual([32, 32]);
      expect(shape.at(-1), `${shape}`).toBeGreaterThan(2);
    }
    const usual = estimate(planGraph(graph, target)).activations;
    expect(estimate(plan).activations).toBeLessThan(0.65 * usual);
    expect(halvesOf(planGraph(graph, target))).toEqual([]);
  });

  it('keeps the largest score of each query and its sum in full, however many there are', async () => {
    const inputs = { q: normal([1, 4, 300, 8], 1), k: normal([1, 4, 9, 8], 2), v: normal([1, 4, 9, 8], 3) };
    const graph = await record(({ q, k, v }) => ops.attention(q!, k!, v!), inputs);
    const plan = planGraph(graph, { features: new Set(), limits: {}, precision: 'fp16' });
    const statistics = [...plan.values.values()].filter(({ shape }) => `${shape}` === '1,4,300,2');
    expect(statistics.map(({ storage }) => storage)).toEqual(['f32']);
    expect(halvesOf(plan).length).toBeGreaterThan(0);
  });

  it('keeps sums in full, which leave the range of f16', async () => {
    const inputs = { x: tf.add(normal([64, 40, 48], 1), 3000), w: normal([48, 32], 2).mul(1e-3) };
    const graph = await recordGraph(({ x, w }) => {
      // Products read both from memory.
      const [total, difference] = [tf.sum(x!, 0), tf.sub(tf.mean(x!, 0), 3000)];
      const product = (a: tf.Tensor): tf.Tensor => tf.matMul(a, w!);
      return { y: tf.add(product(total), product(tf.mul(difference, 2))) };
    }, inputs);
    const { features = [], limits = {}, software = false } = gpu ?? {};
    const plan = planGraph(graph, { features: new Set(features), limits, software, precision: 'fp16' });
    // The sum, and what is made of the mean.
    const both = [...plan.values.values()].filter(({ shape }) => `${shape}` === '40,48');
    expect(both.map(({ storage }) => storage).sort()).toEqual(['f16', 'f32']);
    if (!hasHalf) return;
    const fed = { x: inputs.x.dataSync(), w: inputs.w.dataSync() } as never;
    const { y } = await runPlan(gpu!, plan, { inputs: fed });
    const expected = replayGraph(graph, inputs, {}).y!.dataSync();
    const largest = Math.max(...expected.map(Math.abs));
    expected.forEach((number, i) => {
      expect(Math.abs(y![i]! - number)).toBeLessThan(1e-4 * largest);
    });
  });

  /** Gradients of two weights, told as their norm, used in a step, or both; outputs of the graph they are not. */
  it.each([
    ['their norm', { norm: true, step: false }],
    ['a step', { norm: false, step: true }],
    ['a step that is clipped', { norm: true, step: true }],
  ])('keeps gradients of weights in full where %s reads them', async (_, uses) => {
    const weights = Object.fromEntries(
      Object.entries({ a: [48, 32], b: [32, 40], c: [44, 40] }).map(([name, shape], i) => [
        name,
        tf.variable(normal(shape, i)),
      ]),
    );
    const graph = await recordGraph(
      ({ x }) => {
        const tape = new Tape();
        const { a, b, c } = weights;
        const hidden = ops.gelu(ops.linear(x!, a!));
        const product = tf.matMul(tf.transpose(hidden), tf.matMul(x!, b!));
        // The step reads the gradient of `c` through a view.
        const loss = tf.mean(tf.square(tf.matMul(product, tf.transpose(c!))));
        const all = Object.values(weights);
        const gradients = tape.gradients(loss, all) as tf.Tensor[];
        const norm = tf.sqrt(tf.sum(tf.stack(gradients.map(ops.sumOfSquares))));
        const factor = uses.norm ? tf.minimum(1, tf.div(1, norm)) : tf.scalar(1);
        if (uses.step)
          all.forEach((weight, i) => {
            weight.assign(tf.sub(weight, tf.mul(tf.mul(gradients[i]!, factor), 1e-3)));
          });
        const told = tf.clone(uses.norm ? norm : loss);
        tape.dispose([told]);
        return { told };
      },
      { x: normal([36, 32], 9) },
      { parameters: Object.entries(weights), expand: expandUnlowered },
    );
    tf.dispose(Object.values(weights));
    const plan = planGraph(graph, { features: new Set(), limits: {}, precision: 'fp16' });
    expect(halvesOf(plan).length).toBeGreaterThan(0);
    const parameters = new Set(Object.values(plan.parameters));
    const shapes = ['32,48', '32,40', '40,44'];
    const lengths = (shape: readonly number[]): string => `${[...shape].sort()}`;
    // Copies of the weights themselves lie side by side in f16.
    const copying = plan.kernels.filter(({ label }) => label.startsWith('Half precision'));
    const shelves = new Set(copying.flatMap(({ bindings }) => bindings).map(({ value }) => value));
    const gradients = [...plan.values.values()].filter(
      ({ id, shape, within }) =>
        shapes.includes(lengths(shape)) && !parameters.has(id) && !(within && shelves.has(within.value)),
    );
    expect(new Set(gradients.map(({ shape }) => lengths(shape)))).toEqual(new Set(shapes));
    for (const { shape, storage } of gradients) expect(storage, `${shape}`).toBe('f32');
  });

  for (const [name, [network, inputsOf]] of Object.entries(networks)) {
    it.skipIf(!hasHalf)(`is valid WGSL in the kernels of GPUs, too: ${name}`, async () => {
      const graph = await record(network, inputsOf());
      const target = { features: new Set(gpu!.features), limits: gpu!.limits, software: false };
      const execution = await Execution.prepare(planGraph(graph, { ...target, precision: 'fp16' }), gpu!);
      execution.dispose();
    });

    it.skipIf(!hasHalf)(`rounds no more than f16 does: ${name}`, { timeout: 240_000 }, async () => {
      const inputs = inputsOf();
      const graph = await record(network, inputs);
      const fed = Object.fromEntries(Object.entries(inputs).map(([key, tensor]) => [key, tensor.dataSync()]));
      const plan = planGraph(graph, {
        features: new Set(gpu!.features),
        limits: gpu!.limits,
        software: gpu!.software,
        precision: 'fp16',
      });
      expect(halvesOf(plan).length).toBeGreaterThan(3);
      const received = await runPlan(gpu!, plan, { inputs: fed as never });
      for (const [key, tensor] of Object.entries(replayGraph(graph, inputs, {}))) {
        const numbers = tensor.dataSync();
        // A rounded number may lose its place as a maximum: a few gradients then go to another pixel.
        const squares = (numbers: ArrayLike<number>): number =>
          Array.from(numbers).reduce((sum, number) => sum + number * number, 0);
        const off = Array.from(numbers, (number, i) => received[key]![i]! - number);
        expect(Math.sqrt(squares(off) / squares(numbers)), key).toBeLessThan(8e-3);
      }
    });
  }
});
