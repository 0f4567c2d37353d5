/**
 * Dropout and drop path (stochastic depth, arXiv:1603.09382) without a generator's state: whether an element is
 * kept is a hash of (seed, stream, index), so the backward pass computes the same mask again, nothing is
 * stored, and a resumed run repeats itself. `seed` is a tensor: a recorded step takes it as an input.
 *
 * The hash is two rounds of Chris Wellons' lowbias32 (https://nullprogram.com/blog/2018/07/31/) on the index,
 * keyed by seed and stream, in 32-bit integers: bit for bit the same in JavaScript (cpu, wasm) and in WGSL.
 * TensorFlow.js has no such operations, so this is a kernel for each side.
 */
import { registerHostKernel, registerWebgpuKernel } from '../kernels.ts';
import { registerShapes } from '../meta/shapes.ts';
import { defineOp } from '../op.ts';
import type * as tf from '../tf.ts';

interface DropoutAttrs {
  /** 0 ≤ rate < 1: how often something is dropped. */
  readonly rate: number;
  /** Which stochastic layer this is. */
  readonly stream: number;
  /** Neighbouring elements that share one draw: 1 for dropout, a sample's elements for drop path. */
  readonly group: number;
}

/** Keeps where the upper 24 bits of the hash reach this. */
const threshold = (rate: number): number => Math.round(rate * 2 ** 24);

const op: (inputs: Record<'x' | 'seed', tf.Tensor>, attrs: DropoutAttrs) => tf.Tensor = defineOp<
  'x' | 'seed',
  DropoutAttrs
>({
  name: 'Dropout',
  inputs: ['x', 'seed'],
  saves: { inputs: ['seed'], outputs: [] },
  forward() {
    throw new Error('dropout has a kernel for each backend');
  },
  backward: (dy, { seed }, _, attrs) => ({ x: () => op({ x: dy, seed }, attrs) }),
});

export function lowbias32(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

registerHostKernel<'x' | 'seed', DropoutAttrs>('OcelliDropout', {
  outputs: ({ x }) => [{ shape: x.shape, dtype: 'float32' }],
  run({ x, seed }, [result], { rate, stream, group }) {
    const { values } = x;
    const key = lowbias32(seed.values[0]! ^ lowbias32((stream + 0x9e3779b9) | 0));
    const limit = threshold(rate);
    const scale = Math.fround(1 / (1 - rate));
    for (let begin = 0, draw = 0; begin < values.length; begin += group, draw++) {
      const kept = lowbias32((lowbias32(draw ^ key) + key) | 0) >>> 8 >= limit;
      for (let i = begin; i < begin + group; i++) result![i] = kept ? values[i]! * scale : 0;
    }
  },
});

registerShapes('OcelliDropout', ({ x }) => ({ shape: x!.shape, dtype: 'float32' }));

registerWebgpuKernel<'x' | 'seed', DropoutAttrs>('OcelliDropout', {
  inputs: ['x', 'seed'],
  outputShape: ({ x }) => x.shape,
  uniforms: ({ rate, stream, group }) => [
    { name: 'stream', type: 'i32', value: stream },
    { name: 'limit', type: 'i32', value: threshold(rate) },
    { name: 'scale', type: 'f32', value: 1 / (1 - rate) },
    { name: 'group', type: 'i32', value: group },
  ],
  functions: `
    fn lowbias32(value : u32) -> u32 {
      var x = value;
      x = (x ^ (x >> 16u)) * 0x7feb352du;
      x = (x ^ (x >> 15u)) * 0x846ca68bu;
      return x ^ (x >> 16u);
    }`,
  element: `
    let key = lowbias32(u32(seed[0]) ^ lowbias32(u32(uniforms.stream) + 0x9e3779b9u));
    let draw = u32(index / uniforms.group);
    let bits = lowbias32(lowbias32(draw ^ key) + key) >> 8u;
    if (bits >= u32(uniforms.limit)) { return x[index] * uniforms.scale; }
    return 0.0;`,
});

/** Drops elements with probability `rate` and scales the rest by 1/(1 − rate). `seed`: int32 scalar. */
export function dropout(x: tf.Tensor, rate: number, seed: tf.Tensor, stream: number): tf.Tensor {
  return rate > 0 ? op({ x, seed }, { rate, stream, group: 1 }) : x;
}

/** Drops whole samples (entries of the first axis) with probability `rate` and scales the rest. */
export function dropPath(x: tf.Tensor, rate: number, seed: tf.Tensor, stream: number): tf.Tensor {
  return rate > 0 ? op({ x, seed }, { rate, stream, group: x.size / x.shape[0]! }) : x;
}
