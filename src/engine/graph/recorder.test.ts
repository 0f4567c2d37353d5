import '@tensorflow/tfjs'; // registers the gradients
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { defineOp } from '../op.ts';
import { Tape } from '../tape.ts';
import * as tf from '../tf.ts';
import { recordGraph } from './recorder.ts';
import { replayGraph } from './replay.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const double = defineOp<'x'>({
  name: 'RecorderTestDouble',
  inputs: ['x'],
  forward: ({ x }) => tf.add(x, x),
  backward: (dy) => ({ x: () => tf.mul(dy, 2) }),
});

const row = (...values: number[]): tf.Tensor => tf.tensor(values);

describe('recordGraph', () => {
  it('writes down kernels, parameters and constants, and replays to the same numbers', async () => {
    const weight = tf.variable(tf.tensor([1, 2, 3, 4, 5, 6], [3, 2]));
    const fn = ({ x }: Readonly<Record<string, tf.Tensor>>) => {
      const y = tf.matMul(x!, weight);
      tf.exp(y); // dead
      return { y: tf.add(tf.relu(y), tf.tensor1d([0.5, -0.5])) };
    };
    const x = tf.tensor([1, -2, 3, 0, 1, 0], [2, 3]);
    const before = tf.memory().numTensors;
    const graph = await recordGraph(fn, { x }, { parameters: [['head.weight', weight]] });
    expect(tf.memory().numTensors).toBe(before);
    expect(graph.nodes.map((node) => node.kernel)).toEqual(['BatchMatMul', 'Relu', 'Add']);
    expect(Object.keys(graph.parameters)).toEqual(['head.weight']);
    expect([...graph.constants.values()].map((data) => [...data])).toEqual([[0.5, -0.5]]);
    expect(JSON.parse(JSON.stringify(graph.nodes))).toEqual(graph.nodes);

    const other = tf.tensor([3, 1, -1, 2, 2, 2], [2, 3]);
    const replayed = replayGraph(graph, { x: other }, { 'head.weight': weight }).y!;
    expect([...(await replayed.data())]).toEqual([...(await fn({ x: other }).y.data())]);
    weight.dispose();
  });

  it('takes an own operation as one node, or looks inside when asked', async () => {
    const x = row(1, 2);
    const fn = ({ x: input }: Readonly<Record<string, tf.Tensor>>) => ({ y: double({ x: input! }, {}) });
    expect((await recordGraph(fn, { x })).nodes.map((node) => node.kernel)).toEqual([
      'OcelliRecorderTestDouble',
    ]);
    const inside = await recordGraph(fn, { x }, { expand: (kernel) => kernel.startsWith('Ocelli') });
    expect(inside.nodes.map((node) => node.kernel)).toEqual(['Add']);
  });

  it('follows data through reshapes, clones and casts that make none', async () => {
    const x = tf.tensor([1, 2, 3, 4], [2, 2]);
    const graph = await recordGraph(
      ({ x: input }) => {
        const kept = tf.clone(tf.reshape(input!, [4]));
        return { y: tf.cast(tf.cast(kept, 'int32'), 'float32') };
      },
      { x },
    );
    const y = replayGraph(graph, { x }, {}).y!;
    expect(y.shape).toEqual([4]);
    expect([...(await y.data())]).toEqual([1, 2, 3, 4]);
  });

  it('records kernels inside customGrad and foreign tensors as constants', async () => {
    const square = tf.customGrad((...args) => {
      const [x, save] = args as [tf.Tensor, (tensors: tf.Tensor[]) => void];
      save([x]);
      return { value: tf.mul(x, x), gradFunc: (dy: tf.Tensor) => dy };
    });
    const bias = row(10, 20);
    const graph = await recordGraph(({ x }) => ({ y: tf.add(square(x!), bias) }), { x: row(1, 2) });
    expect(graph.nodes.map((node) => node.kernel)).toEqual(['Multiply', 'Add']);
    expect([...graph.constants.values()].map((data) => [...data])).toEqual([[10, 20]]);
  });

  it('records a training step: forward, backward and the assignment of the variable', async () => {
    const weight = tf.variable(tf.tensor([1, 2, 3], [3, 1]), true);
    const x = tf.tensor([1, 0, 2, 1, 1, 1], [2, 3]);
    const rate = tf.scalar(0.1);
    const step = (inputs: Readonly<Record<string, tf.Tensor>>) => {
      const tape = new Tape();
      const loss = tf.mean(tf.square(double({ x: tf.matMul(inputs.x!, weight) }, {})));
      const [gradient] = tape.gradients(loss, [weight]);
      weight.assign(tf.sub(weight, tf.mul(gradient!, inputs.rate!)) as tf.Tensor<tf.Rank>);
      tape.dispose([loss]);
      return { loss };
    };
    const start = tf.clone(weight);
    const graph = await recordGraph(step, { x, rate }, { parameters: [['w', weight]] });
    const afterOne = [...(await weight.data())];
    expect(Object.keys(graph.updates)).toEqual(['w']);
    const replayed = replayGraph(
      { ...graph, outputs: { ...graph.outputs, w: graph.updates.w! } },
      { x, rate },
      { w: start },
    );
    expect([...(await replayed.w!.data())]).toEqual(afterOne);
  });

  it('takes the hooks out when the function throws', async () => {
    await expect(
      recordGraph(
        () => {
          throw new Error('boom');
        },
        { x: row(1) },
      ),
    ).rejects.toThrow('boom');
    const graph = await recordGraph(({ x }) => ({ y: tf.neg(x!) }), { x: row(1) });
    expect(graph.nodes).toHaveLength(1);
  });
});
