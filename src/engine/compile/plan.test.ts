import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { recordGraph } from '../graph/index.ts';
import * as tf from '../tf.ts';
import { EngineError, planGraph } from './index.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const options = { features: new Set<string>(), limits: {} };

describe('planGraph', () => {
  it('computes chains of arithmetic and views in one kernel', async () => {
    const x = tf.ones([3, 5]);
    const graph = await recordGraph(
      ({ x }) => ({ y: tf.transpose(tf.mul(tf.add(tf.exp(x!), 1), tf.tensor1d([1, 2, 3, 4, 5]))) }),
      { x },
    );
    const plan = planGraph(graph, options);
    expect(plan.kernels).toHaveLength(1);
    expect(plan.kernels[0]!.wgsl).toContain('exp(');
  });

  it('lists the kernels that it does not know', async () => {
    const graph = await recordGraph(({ x }) => ({ y: tf.localResponseNormalization(x as tf.Tensor4D) }), {
      x: tf.ones([1, 2, 2, 3]),
    });
    expect(() => planGraph(graph, options)).toThrow(EngineError);
    expect(() => planGraph(graph, options)).toThrow('LRN');
  });

  it('puts no node into two kernels', async () => {
    const graph = await recordGraph(
      ({ x, y }) => {
        const parts = [1, 2, 3, 4].map((factor) => tf.relu(tf.sub(tf.exp(tf.mul(x!, factor)), y!)));
        return Object.fromEntries(
          parts.flatMap((part, i) => [
            [`a${i}`, part],
            [`b${i}`, tf.sum(tf.mul(part, y!), 0)],
          ]),
        );
      },
      { x: tf.ones([32, 24]), y: tf.ones([32, 24]) },
    );
    const { kernels } = planGraph(graph, options);
    const written = kernels.flatMap(({ bindings }) =>
      bindings.filter(({ access }) => access === 'write').map(({ value }) => value),
    );
    expect(new Set(written).size).toBe(written.length);
  });
});
