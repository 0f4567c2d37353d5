/** Products read f16 copies of weights, made once a run; the weights themselves move in f32. */
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Graph, type GraphData, recordGraph, replayGraph } from '../graph/index.ts';
import * as ops from '../ops/index.ts';
import { Tape } from '../tape.ts';
import { expandUnlowered, normal } from '../testing/compiled.ts';
import { openTestGpu, runPlan } from '../testing/run-plan.ts';
import * as tf from '../tf.ts';
import { type KernelPlan, planGraph } from './index.ts';

type Tensors = Readonly<Record<string, tf.Tensor>>;

const gpu = await openTestGpu();
const hasHalf = gpu?.features.includes('shader-f16') ?? false;
/** So small that a weight in f16 would not move. */
const rate = 1e-6;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const startOf = (): Tensors => ({
  linear: normal([48, 32], 1).mul(0.2),
  bias: normal([48], 2),
  matrix: normal([48, 40], 3).mul(0.2),
  pointwise: normal([36, 40, 1, 1], 4).mul(0.2),
  filter: normal([16, 36, 3, 3], 5).mul(0.1),
});

/** A linear layer, a product, two convolutions, and a step of gradient descent. */
function step(weights: ReadonlyMap<string, tf.Variable>, { x }: Tensors): Record<string, tf.Tensor> {
  const of = (name: string): tf.Variable => weights.get(name)!;
  const tape = new Tape();
  const hidden = ops.gelu(ops.linear(x!, of('linear'), of('bias')));
  const pixels = tf.reshape(tf.matMul(hidden, of('matrix')), [1, 6, 6, 40]);
  const narrow = tf.relu(ops.conv2d(pixels, of('pointwise'), {}));
  const loss = tf.mean(tf.square(ops.conv2d(narrow, of('filter'), { padding: 1, stride: 2 })));
  const all = [...weights.values()];
  const gradients = tape.gradients(loss, all);
  all.forEach((weight, i) => {
    weight.assign(tf.sub(weight, tf.mul(gradients[i]!, rate)));
  });
  const result = tf.clone(loss);
  tape.dispose([result]);
  return { loss: result };
}

async function recorded(): Promise<{ graph: Graph; start: Record<string, GraphData> }> {
  const weights = new Map(
    Object.entries(startOf()).map(([name, value]) => [name, tf.variable(value)] as const),
  );
  const start = Object.fromEntries(
    [...weights].map(([name, weight]) => [name, weight.dataSync().slice() as GraphData]),
  );
  const graph = await recordGraph(
    (inputs) => step(weights, inputs),
    { x: normal([36, 32], 9) },
    {
      parameters: [...weights],
      expand: expandUnlowered,
    },
  );
  for (const weight of weights.values()) weight.dispose();
  return { graph, start };
}

const targetOf = (): { features: ReadonlySet<string>; limits: Readonly<Record<string, number>> } => ({
  features: new Set(gpu?.features),
  limits: gpu?.limits ?? {},
});

const copiesOf = (plan: KernelPlan) => plan.kernels.filter(({ label }) => label.startsWith('Half precision'));

describe('weights in half precision', () => {
  it('are copied by one kernel, which products read', async () => {
    const { graph } = await recorded();
    const plan = planGraph(graph, { ...targetOf(), precision: 'fp16' });
    const copies = copiesOf(plan);
    expect(copies).toHaveLength(1);
    expect(plan.kernels[0]).toBe(copies[0]);
    const parameters = new Set(Object.values(plan.parameters));
    for (const { label, bindings } of plan.kernels.slice(1)) {
      if (!/^(Linear|MatMul|Conv2d)/.test(label)) continue;
      const read = bindings.filter(({ value }) => parameters.has(value));
      // The bias is none.
      expect(read.length, label).toBe(label.startsWith('Linear') ? 1 : 0);
    }
    for (const id of Object.values(plan.parameters)) expect(plan.values.get(id)!.storage).toBe('f32');
    expect(copiesOf(planGraph(graph, targetOf()))).toEqual([]);
  });

  it('are not copied where nothing reads them twice', async () => {
    const weight = tf.variable(normal([48, 32], 1));
    const graph = await recordGraph(
      ({ x }) => ({ y: ops.linear(x!, weight) }),
      { x: normal([36, 32], 9) },
      {
        parameters: [['weight', weight]],
        expand: expandUnlowered,
      },
    );
    weight.dispose();
    expect(copiesOf(planGraph(graph, { ...targetOf(), precision: 'fp16' }))).toEqual([]);
  });

  it('are read in full by a product that adds the weight itself to its result', async () => {
    const weight = tf.variable(normal([32, 32], 1));
    const inputs = { x: normal([32, 32], 9), z: normal([32, 32], 10) };
    const graph = await recordGraph(
      ({ x, z }) => ({
        // Two more products, so that there is a copy.
        y: ops.linear(ops.linear(x!, weight), weight),
        sum: tf.add(ops.linear(z!, weight), weight),
      }),
      inputs,
      { parameters: [['weight', weight]], expand: expandUnlowered },
    );
    const data = weight.dataSync().slice() as GraphData;
    weight.dispose();
    const plan = planGraph(graph, { ...targetOf(), software: gpu?.software ?? false, precision: 'fp16' });
    expect(copiesOf(plan)).toHaveLength(1);
    const shelf = copiesOf(plan)[0]!.bindings.find(({ access }) => access === 'write')!.value;
    const copy = [...plan.values.values()].find(({ within }) => within?.value === shelf)!.id;
    const products = plan.kernels.filter(({ label }) => label.startsWith('Linear'));
    const reads = (value: number) => products.map(({ bindings }) => bindings.some((b) => b.value === value));
    const ofWeight = reads(plan.parameters.weight!);
    expect(ofWeight.filter(Boolean)).toHaveLength(1);
    // What adds the weight reads it, and not its copy beside.
    expect(reads(copy)).toEqual(ofWeight.map((read) => !read));
    if (!hasHalf) return;
    const { sum } = await runPlan(gpu!, plan, {
      inputs: { x: inputs.x.dataSync() as never, z: inputs.z.dataSync() as never },
      parameters: { weight: data },
    });
    const full = tf.tensor2d(data as Float32Array, [32, 32]);
    const expected = tf.add(tf.matMul(inputs.z, full, false, true), full).dataSync();
    const worst = Math.max(...expected.map((number, i) => Math.abs(sum![i]! - number)));
    expect(worst).toBeLessThan(2e-5);
  });

  it.skipIf(!hasHalf)(
    'round to the nearest f16, while the weights move by less than f16 can tell',
    async () => {
      const { graph, start } = await recorded();
      const plan = planGraph(graph, { ...targetOf(), software: gpu!.software, precision: 'fp16' });
      const x = normal([36, 32], 9);
      const received = await runPlan(gpu!, plan, { inputs: { x: x.dataSync() as never }, parameters: start });
      const tensors = Object.fromEntries(
        Object.entries(start).map(([name, data]) => [
          name,
          tf.tensor(data, [...graph.values[graph.parameters[name]!]!.shape]),
        ]),
      );
      const expected = replayGraph(
        { ...graph, outputs: { ...graph.outputs, ...graph.updates } },
        { x },
        tensors,
      );
      const loss = expected.loss!.dataSync()[0]!;
      expect(Math.abs(received.loss![0]! - loss) / loss).toBeLessThan(4e-3);
      for (const [name, before] of Object.entries(start)) {
        const [after, wanted] = [received[name]!, expected[name]!.dataSync()];
        const moves = Array.from(before, (number, i) => [after[i]! - number, wanted[i]! - number] as const);
        const largest = Math.max(...moves.map(([, move]) => Math.abs(move)));
        expect(largest, name).toBeGreaterThan(0);
        const worst = Math.max(...moves.map(([its, move]) => Math.abs(its - move)));
        // The last bit of a weight near 0.5 is 3e-8.
        expect(worst, name).toBeLessThan(0.02 * largest + 1.2e-7);
      }
    },
  );
});
