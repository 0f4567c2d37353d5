/** Activations that are computed again: the same numbers from less memory. */
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { estimate } from '../../execute/index.ts';
import { type Graph, recordGraph, replayGraph } from '../../graph/index.ts';
import * as ops from '../../ops/index.ts';
import { Tape } from '../../tape.ts';
import { expandUnlowered, normal } from '../../testing/compiled.ts';
import { openTestGpu, runPlan } from '../../testing/run-plan.ts';
import * as tf from '../../tf.ts';
import { planGraph } from '../index.ts';
import { chooseCuts } from './segments.ts';

const gpu = await openTestGpu();
const hasHalf = gpu?.features.includes('shader-f16') ?? false;
const [rows, width] = [256, 16];

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Residual blocks (norm, linear, GELU, dropout, linear) and the gradients of their weights. */
function recordNetwork(blocks: number): Promise<{ graph: Graph; inputs: Record<string, tf.Tensor> }> {
  const weights = Array.from({ length: 2 * blocks }, (_, i) => normal([width, width], i).mul(0.3));
  const named = Object.fromEntries(weights.map((weight, i) => [`w${i}`, weight]));
  const inputs = { x: normal([rows, width], 99), seed: tf.scalar(5, 'int32'), ...named };
  const network = (given: Readonly<Record<string, tf.Tensor>>): Record<string, tf.Tensor> => {
    const tape = new Tape();
    let x = given.x!;
    for (let block = 0; block < blocks; block++) {
      const ones = tf.fill([width], 1);
      const inner = ops.linear(ops.layerNorm(x, ones, tf.fill([width], 0.1), 1e-5), given[`w${2 * block}`]!);
      const dropped = ops.dropout(ops.gelu(inner), 0.2, given.seed!, block);
      x = tf.add(x, ops.linear(dropped, given[`w${2 * block + 1}`]!));
    }
    const loss = tf.mean(tf.square(x)) as tf.Scalar;
    const names = Object.keys(named);
    const found = tape.gradients(
      loss,
      names.map((name) => given[name]!),
    );
    const gradients = found.map((gradient, i) => [`d${names[i]}`, gradient!] as const);
    const results = { loss: tf.clone(loss), ...Object.fromEntries(gradients) };
    tape.dispose(Object.values(results));
    return results;
  };
  return recordGraph(network, inputs, { expand: expandUnlowered }).then((graph) => ({ graph, inputs }));
}

const target = { features: new Set<string>(), limits: {} };

describe('recomputation', () => {
  it('needs less memory', async () => {
    const { graph } = await recordNetwork(8);
    const usual = estimate(planGraph(graph, target));
    const lean = estimate(planGraph(graph, { ...target, recompute: true }));
    expect(lean.activations).toBeLessThan(usual.activations / 2);
  });

  it('leaves a graph without gradients as it is', async () => {
    const { graph } = await recordNetwork(8);
    const { backward: _, ...forward } = graph;
    const plans = [true, false].map((recompute) => planGraph(forward, { ...target, recompute }));
    expect(plans[0]!.kernels).toEqual(plans[1]!.kernels);
  });

  it.skipIf(!gpu)('gives the same numbers, dropout included', { timeout: 120_000 }, async () => {
    const { graph, inputs } = await recordNetwork(3);
    const fed = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, tensor.dataSync()]));
    const expected = replayGraph(graph, inputs, {});
    const options = { ...target, limits: gpu!.limits, software: gpu!.software };
    const usual = await runPlan(gpu!, planGraph(graph, options), { inputs: fed as never });
    const lean = await runPlan(gpu!, planGraph(graph, { ...options, recompute: true }), {
      inputs: fed as never,
    });
    for (const [name, tensor] of Object.entries(expected)) {
      expect(lean[name], name).toEqual(usual[name]);
      const numbers = tensor.dataSync();
      const largest = Math.max(...numbers.map(Math.abs));
      for (const [i, number] of numbers.entries()) {
        expect(Math.abs(lean[name]![i]! - number), name).toBeLessThan(1e-5 * largest);
      }
    }
  });
});

/** A stem whose norm is followed by the largest of each window, blocks, and the gradients of all weights. */
async function recordPooling(): Promise<{ graph: Graph; inputs: Record<string, tf.Tensor> }> {
  const channels = 16;
  const weights = Array.from({ length: 5 }, (_, i) => normal([channels, channels, 3, 3], i).mul(0.1));
  const named = Object.fromEntries(weights.map((weight, i) => [`w${i}`, weight]));
  const inputs = { x: normal([4, 24, 24, channels], 99), ...named };
  const network = (given: Readonly<Record<string, tf.Tensor>>): Record<string, tf.Tensor> => {
    const tape = new Tape();
    const layer = (x: tf.Tensor, name: string): tf.Tensor => {
      const [ones, zeros] = [tf.fill([channels], 1), tf.fill([channels], 0)];
      return tf.relu(ops.batchNorm(ops.conv2d(x, given[name]!, { padding: 1 }), ones, zeros, 1e-5).y);
    };
    let x = ops.maxPool2d(layer(given.x!, 'w0'), { kernel: 3, stride: 2, padding: 1 });
    for (const name of ['w1', 'w2', 'w3', 'w4']) x = tf.add(x, layer(x, name));
    const loss = tf.mean(tf.square(x)) as tf.Scalar;
    const names = Object.keys(named);
    const found = tape.gradients(
      loss,
      names.map((name) => given[name]!),
    );
    const results = Object.fromEntries(found.map((gradient, i) => [`d${names[i]}`, gradient!]));
    tape.dispose(Object.values(results));
    return results;
  };
  return { graph: await recordGraph(network, inputs, { expand: expandUnlowered }), inputs };
}

describe('recomputation in half precision', () => {
  // What is computed again may be rounded elsewhere: the largest pixel of a window then differs from the maximum.
  it.skipIf(!hasHalf)('finds the largest of each window again', { timeout: 120_000 }, async () => {
    const { graph, inputs } = await recordPooling();
    const fed = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, tensor.dataSync()]));
    const target = { features: new Set(gpu!.features), limits: gpu!.limits, software: gpu!.software };
    const [usual, lean] = [false, true].map((recompute) =>
      planGraph(graph, { ...target, precision: 'fp16', recompute }),
    );
    expect(lean!.kernels.length).toBeGreaterThan(usual!.kernels.length);
    const received = await runPlan(gpu!, lean!, { inputs: fed as never });
    for (const [name, tensor] of Object.entries(replayGraph(graph, inputs, {}))) {
      const expected = Float32Array.from(tensor.dataSync());
      const square = expected.reduce((sum, number, i) => sum + (received[name]![i]! - number) ** 2, 0);
      const whole = expected.reduce((sum, number) => sum + number ** 2, 0);
      expect(Math.sqrt(square / whole), name).toBeLessThan(0.1);
    }
  });
});

describe('cuts', () => {
  it('lie where little is alive', () => {
    // Six blocks: a value of 1 byte leads from each to the next, values of 10 are needed by gradients only.
    const activations = Array.from({ length: 6 }, (_, block) => [
      { value: 3 * block, bytes: 10, made: 3 * block, read: 3 * block + 1, stashed: true },
      { value: 3 * block + 1, bytes: 10, made: 3 * block + 1, read: 3 * block + 2, stashed: true },
      { value: 3 * block + 2, bytes: 1, made: 3 * block + 2, read: 3 * block + 3, stashed: true },
    ]).flat();
    expect(chooseCuts(activations, 19)).toEqual([2, 5, 8, 11, 14]);
  });

  it('are none where nothing is gained', () => {
    expect(chooseCuts([{ value: 0, bytes: 4, made: 0, read: 1, stashed: true }], 2)).toEqual([]);
  });
});
