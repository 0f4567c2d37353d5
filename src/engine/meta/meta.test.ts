import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { replayGraph } from '../graph/index.ts';
import * as ops from '../ops/index.ts';
import { Tape } from '../tape.ts';
import * as tf from '../tf.ts';
import { onMeta } from './backend.ts';
import {
  type NamedTensors,
  peakBytes,
  shapeTensor,
  type TensorSpec,
  traceStep,
  withinTensors,
} from './index.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const spec = (...shape: number[]): TensorSpec => ({ shape, dtype: 'float32' });

describe('traceStep', () => {
  it('gives the graph of a training step that replays to the same numbers, and leaves everything as it was', async () => {
    const weight = tf.variable(tf.tensor([1, 2, 3, -1, 0.5, 2], [3, 2]), true);
    const start = await weight.data();
    const before = { ...tf.memory() };
    const step = ({ x, rate }: NamedTensors) => {
      const tape = new Tape();
      const loss = tf.mean(tf.square(ops.gelu(tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D))));
      const [gradient] = tape.gradients(loss, [weight]);
      tape.dispose([loss, gradient!]);
      weight.assign(tf.sub(weight, tf.mul(rate!, gradient!)));
      return { loss };
    };
    const { graph, halts } = await traceStep(
      step,
      { x: spec(2, 3), rate: spec() },
      { parameters: [['w', weight]] },
    );
    expect(halts).toEqual([]);
    expect({ ...tf.memory() }).toEqual(before);
    expect(await weight.data()).toEqual(start);
    expect(Object.keys(graph.inputs)).toEqual(['x', 'rate']);
    expect(Object.keys(graph.parameters)).toEqual(['w']);
    expect(Object.keys(graph.updates)).toEqual(['w']);

    const inputs = { x: tf.tensor([1, -2, 3, 0, 1, 0.5], [2, 3]), rate: tf.scalar(0.1) };
    const told = { ...graph, outputs: { ...graph.outputs, w: graph.updates.w! } };
    const replayed = replayGraph(told, inputs, { w: weight });
    const eager = tf.tidy(() => step(inputs).loss);
    expect(await replayed.loss!.data()).toEqual(await eager.data());
    expect(await replayed.w!.data()).toEqual(await weight.data());
    weight.dispose();
  });

  it('knows the shapes and types that the real kernels give', async () => {
    const cases: Record<string, (x: tf.Tensor4D) => tf.Tensor | tf.Tensor[]> = {
      argMax: (x) => tf.argMax(x, 2),
      averagePool: (x) => tf.avgPool(x, [2, 2], [2, 2], 'same'),
      broadcast: (x) => tf.broadcastTo(tf.sum(x, [1, 2], true), [2, 3, 5, 4]),
      cast: (x) => tf.cast(x, 'int32'),
      compare: (x) => tf.greater(x, tf.mean(x, [0], true)),
      concat: (x) => tf.concat([x, tf.zeros([2, 1, 5, 4])], 1),
      conv: (x) => tf.conv2d(x, tf.ones([3, 3, 4, 6]) as tf.Tensor4D, 2, 'same', 'NHWC', [1, 1]),
      convTranspose: (x) =>
        tf.conv2dTranspose(x, tf.ones([2, 2, 7, 4]) as tf.Tensor4D, [2, 6, 10, 7], 2, 'valid'),
      cumsum: (x) => tf.cumsum(x, 1),
      depthwise: (x) => tf.depthwiseConv2d(x, tf.ones([3, 3, 4, 2]) as tf.Tensor4D, 1, 'same'),
      depthToSpace: (x) => tf.depthToSpace(x, 2, 'NHWC'),
      einsum: (x) => tf.einsum('abcd,de->abce', x, tf.ones([4, 6])),
      expand: (x) => tf.expandDims(x, -1),
      fill: () => tf.fill([2, 2], 3, 'int32'),
      gather: (x) => tf.gather(x, tf.tensor1d([1, 0, 1], 'int32'), 1),
      matMul: (x) => tf.matMul(x, x, false, true),
      max: (x) => tf.max(x, -1, true),
      maxAndMin: (x) => [tf.max(x, [1, 2]), tf.min(x, [1, 2]), tf.min(x, 3, true)],
      maxPool: (x) => tf.maxPool(x, [3, 3], [1, 1], 'valid'),
      mirrorPad: (x) =>
        tf.mirrorPad(
          x,
          [
            [0, 0],
            [1, 1],
            [2, 0],
            [0, 0],
          ],
          'reflect',
        ),
      oneHot: (x) => tf.oneHot(tf.cast(tf.reshape(x, [-1]), 'int32'), 7),
      pad: (x) =>
        tf.pad(x, [
          [0, 0],
          [1, 2],
          [0, 0],
          [0, 3],
        ]),
      prod: (x) => tf.prod(x, 3, true),
      range: () => tf.range(0, 10, 3),
      reshape: (x) => tf.reshape(x, [-1, 5]),
      resize: (x) => tf.image.resizeBilinear(x, [4, 9]),
      reverse: (x) => tf.reverse(x, 1),
      segmentSum: (x) => tf.unsortedSegmentSum(x, tf.tensor1d([1, 0], 'int32'), 3),
      select: (x) => tf.where(tf.greater(x, 0), x, tf.zerosLike(x)),
      slice: (x) => tf.slice(x, [0, 1], [-1, 2]),
      softmax: (x) => tf.softmax(x),
      split: (x) => tf.split(x, [1, 3], -1),
      stack: (x) => tf.stack([x, x, x], 2),
      strided: (x) => tf.stridedSlice(x, [0, 2], [2, 0], [1, -1]),
      sumOfBool: (x) => tf.sum(tf.cast(x, 'bool'), 0),
      tile: (x) => tf.tile(x, [1, 2, 1, 3]),
      topK: (x) => Object.values(tf.topk(x, 2)),
      transpose: (x) => tf.transpose(x, [3, 0, 2, 1]),
      unstack: (x) => tf.unstack(x, 2),
    };
    for (const [name, fn] of Object.entries(cases)) {
      const described = (results: tf.Tensor | tf.Tensor[]) =>
        [results].flat().map(({ shape, dtype }) => ({ shape, dtype }));
      const real = tf.tidy(() => described(fn(tf.ones([2, 3, 5, 4]))));
      const meta = onMeta(() => described(fn(tf.ones([2, 3, 5, 4]))));
      expect(meta, name).toEqual(real);
    }
  });

  it('writes down where the host takes part', async () => {
    const { graph, halts } = await traceStep(
      ({ x }, { halt }) => {
        const y = tf.exp(x!);
        const { target } = halt({ y }, { target: spec(3) });
        return { loss: tf.sum(tf.sub(y, target!)) };
      },
      { x: spec(3) },
    );
    expect(halts).toEqual([{ reads: ['y'], writes: ['target'] }]);
    expect(Object.keys(graph.inputs)).toEqual(['x', 'target']);
    expect(Object.keys(graph.outputs)).toEqual(['y', 'loss']);
  });

  it('refuses to read what is not computed, and puts everything back', async () => {
    const variable = tf.variable(tf.scalar(2));
    const tensors = tf.memory().numTensors;
    for (const read of [
      ({ x }: NamedTensors) => x!.dataSync(),
      ({ x }: NamedTensors) => tf.add(x!, 1).dataSync(),
      () => variable.dataSync(),
    ]) {
      await expect(
        traceStep(
          (inputs) => {
            tf.variable(tf.scalar(1));
            read(inputs);
            return {};
          },
          { x: spec() },
        ),
      ).rejects.toThrow(
        /reads a tensor on the host while it is recorded.*make what the host decides an input/,
      );
    }
    expect(tf.memory().numTensors).toBe(tensors);
    expect(tf.getBackend()).toBe('cpu');
    expect(variable.dataSync()[0]).toBe(2);
    variable.dispose();
  });

  it('takes tensors that existed before as constants, by their numbers', async () => {
    const offset = tf.tensor([1, 2]);
    const { graph } = await traceStep(({ x }) => ({ y: tf.add(x!, offset) }), { x: spec(2) });
    expect([...graph.constants.values()]).toEqual([Float32Array.of(1, 2)]);
    expect(await offset.data()).toEqual(Float32Array.of(1, 2));
    const disposing = (): NamedTensors => {
      offset.dispose();
      return {};
    };
    await expect(traceStep(disposing, {})).rejects.toThrow('did not make');
    offset.dispose();
  });
});

describe('peakBytes', () => {
  it('counts data once, from the first tensor that has them to the end of the last', () => {
    const before = { ...tf.memory() };
    const { peak, largest } = peakBytes(() => {
      const x = shapeTensor([256]);
      const seen = tf.reshape(x, [16, 16]);
      x.dispose();
      const sum = tf.add(seen, seen);
      seen.dispose();
      tf.concat([sum, sum]).dispose();
    });
    // x and the sum; then the sum and twice as much.
    expect(peak).toBe(3 * 1024);
    expect(largest).toEqual({ shape: [32, 16], bytes: 2048 });
    expect({ ...tf.memory() }).toEqual(before);
  });

  it('leaves out what an operation of one kernel is composed of, and counts it where it is a composition', () => {
    const gelu = peakBytes(() => void ops.gelu(shapeTensor([256])));
    expect(gelu.peak).toBeGreaterThanOrEqual(2048);
    const attention = peakBytes(() => void ops.attention(...qkv(512)));
    // On cpu and wasm a block of scores lies beside the tensors.
    expect(attention.peak).toBeGreaterThan(4 * 512 * 512);
  });

  it('ends in time: what was alive until then is a bound, too', async () => {
    const endless = () => {
      for (let i = 0; i < 1000; i++) tf.zeros([256]);
    };
    expect(peakBytes(endless).peak).toBe(1000 * 1024);
    const { peak } = await withinTensors(100, () => peakBytes(endless));
    expect(peak).toBe(100 * 1024);
    const trace = withinTensors(100, () =>
      traceStep(() => {
        endless();
        return {};
      }, {}),
    );
    await expect(trace).rejects.toThrow('too many tensors');
    expect(peakBytes(endless).peak).toBe(1000 * 1024);
  });
});

const qkv = (tokens: number): [tf.Tensor, tf.Tensor, tf.Tensor] => {
  const one = () => shapeTensor([1, 1, tokens, 8]);
  return [one(), one(), one()];
};
