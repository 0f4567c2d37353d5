/** Kernel plans written by hand: what the executor's tests run. */
import type { KernelPlan, PlanKernel, PlanValue } from '../compile/types.ts';

const storage = { float32: 'f32', int32: 'i32', bool: 'u32' } as const;

/** An entry of `KernelPlan.values`: a vector. */
export function vector(
  id: number,
  size: number,
  more: Partial<Pick<PlanValue, 'dtype' | 'within'>> = {},
): [number, PlanValue] {
  const dtype = more.dtype ?? 'float32';
  return [id, { id, shape: [size], dtype, storage: storage[dtype], ...more }];
}

/** `out[i] = expression` over the float vectors `a`, `b`, `c`, `d`, which are `reads` in this order. */
export function pointwise(
  label: string,
  size: number,
  reads: readonly number[],
  write: number,
  expression: string,
): PlanKernel {
  const arrays = reads.map((_, i) => `@group(0) @binding(${i}) var<storage, read> ${'abcd'[i]}: array<f32>;`);
  return {
    label,
    wgsl: `${arrays.join('\n')}
      @group(0) @binding(${reads.length}) var<storage, read_write> out: array<f32>;
      @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
        let i = id.x;
        if (i < ${size}u) { out[i] = ${expression}; }
      }`,
    bindings: [
      ...reads.map((value) => ({ value, access: 'read' as const })),
      { value: write, access: 'write' },
    ],
    workgroups: [Math.ceil(size / 64), 1, 1],
    flops: size,
    bytes: 4 * size * (reads.length + 1),
    nodes: [],
  };
}

export const emptyPlan: Pick<
  KernelPlan,
  'inputs' | 'parameters' | 'constants' | 'outputs' | 'updates' | 'halts'
> = { inputs: {}, parameters: {}, constants: new Map(), outputs: {}, updates: {}, halts: [] };

/**
 * A chain of `length` kernels on vectors of `size`, each adding to the one before, like the activations of a
 * network, and a backward half that reads them again in reverse: y = x + 1 + 1 + …, z = Σ activations.
 */
export function chain(length: number, size: number): KernelPlan {
  const values = [vector(0, size)];
  const kernels: PlanKernel[] = [];
  for (let i = 1; i <= length; i++) {
    values.push(vector(i, size));
    kernels.push(pointwise(`Add ${i}`, size, [i - 1], i, 'a[i] + 1.0'));
  }
  let last = length;
  for (let i = length - 1; i > 0; i--) {
    const id = 2 * length - i;
    values.push(vector(id, size));
    kernels.push(pointwise(`Sum ${i}`, size, [last, i], id, 'a[i] + b[i]'));
    last = id;
  }
  return { ...emptyPlan, values: new Map(values), kernels, inputs: { x: 0 }, outputs: { z: last } };
}

/** SGD with momentum 0.5 and rate 1, in place: m ← 0.5 m + g, w ← w − m; `norm` is the largest |g|. */
export function momentumPlan(size: number): KernelPlan {
  const norm = pointwise('Norm', 1, [2], 3, 'norm()');
  return {
    ...emptyPlan,
    values: new Map([vector(0, size), vector(1, size), vector(2, size), vector(3, 1)]),
    kernels: [
      pointwise('Momentum', size, [2], 1, '0.5 * out[i] + a[i]'),
      pointwise('Weight', size, [1], 0, 'out[i] - a[i]'),
      {
        ...norm,
        wgsl: `fn norm() -> f32 { var n = 0.0; for (var i = 0; i < ${size}; i++) { n = max(n, abs(a[i])); } return n; }\n${norm.wgsl}`,
      },
    ],
    inputs: { gradient: 2 },
    parameters: { weight: 0, momentum: 1 },
    outputs: { norm: 3 },
    updates: { weight: 0, momentum: 1 },
  };
}
