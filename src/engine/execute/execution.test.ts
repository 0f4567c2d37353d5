/** Plans written by hand, run on whatever adapter is there. */
import { describe, expect, it } from 'vitest';
import { DeviceError } from '../../core/index.ts';
import type { KernelPlan, PlanKernel, PlanValue } from '../compile/types.ts';
import { openTestGpu, runPlan } from '../testing/run-plan.ts';
import { Execution } from './index.ts';

const gpu = await openTestGpu();

const value = (id: number, size: number, dtype: PlanValue['dtype'] = 'float32'): [number, PlanValue] => [
  id,
  { id, shape: [size], dtype, storage: dtype === 'float32' ? 'f32' : dtype === 'int32' ? 'i32' : 'u32' },
];

/** `out[i] = expression` over `a`, `b`, … in the order of `reads`. */
function pointwise(
  label: string,
  size: number,
  reads: number[],
  write: number,
  expression: string,
): PlanKernel {
  const names = 'abcd';
  const arrays = reads.map((_, i) => `@group(0) @binding(${i}) var<storage, read> ${names[i]}: array<f32>;`);
  return {
    label,
    wgsl: `${arrays.join('\n')}
      @group(0) @binding(${reads.length}) var<storage, read_write> out: array<f32>;
      @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
        let i = id.x;
        if (i < ${size}u) { out[i] = ${expression}; }
      }`,
    bindings: [
      ...reads.map((id) => ({ value: id, access: 'read' as const })),
      { value: write, access: 'write' },
    ],
    workgroups: [Math.ceil(size / 64), 1, 1],
    flops: size,
    bytes: 4 * size * (reads.length + 1),
    nodes: [],
  };
}

const empty = { inputs: {}, parameters: {}, constants: new Map(), outputs: {}, updates: {}, halts: [] };

/** y = x·w + c, w ← w + y. */
const linear: KernelPlan = {
  ...empty,
  values: new Map([value(0, 3), value(1, 3), value(2, 3), value(3, 3), value(4, 3)]),
  kernels: [
    pointwise('Multiply + Add', 3, [0, 1, 2], 3, 'a[i] * b[i] + c[i]'),
    pointwise('Add', 3, [1, 3], 4, 'a[i] + b[i]'),
  ],
  inputs: { x: 0 },
  parameters: { w: 1 },
  constants: new Map([[2, Float32Array.of(0.5, 0.25, 0)]]),
  outputs: { y: 3 },
  updates: { w: 4 },
};

describe.skipIf(!gpu)('Execution', () => {
  it('reads inputs, parameters and constants, and keeps updates from run to run', async () => {
    const bytes = gpu!.memory.bytes;
    const execution = await Execution.prepare(linear, gpu!, { parameters: { w: [1, 2, 3] } });
    execution.write('x', [2, 3, 4]);
    await execution.run();
    expect([...(await execution.read('y'))]).toEqual([2.5, 6.25, 12]);
    expect([...(await execution.read('w'))]).toEqual([3.5, 8.25, 15]);
    await execution.run();
    expect([...(await execution.read('y'))]).toEqual([7.5, 25, 60]);
    execution.dispose();
    expect(gpu!.memory.bytes).toBe(bytes);
  });

  it('halts for the host', async () => {
    const plan: KernelPlan = {
      ...empty,
      values: new Map([value(0, 2), value(1, 2), value(2, 2), value(3, 2)]),
      kernels: [pointwise('Square', 2, [0], 1, 'a[i] * a[i]'), pointwise('Add', 2, [1, 2], 3, 'a[i] + b[i]')],
      inputs: { x: 0, decided: 2 },
      outputs: { square: 1, sum: 3 },
      halts: [{ kernel: 1, reads: ['square'], writes: ['decided'] }],
    };
    const results = await runPlan(gpu!, plan, {
      inputs: { x: [3, 4] },
      atHalt: ({ square }) => ({ decided: Array.from(square!, (number) => -number / 2) }),
    });
    expect([...results.sum!]).toEqual([4.5, 8]);
  });

  it('names the kernel that does not compile', async () => {
    const kernel = { ...linear.kernels[0]!, label: 'Broken + Kernel', wgsl: 'fn main() { let a = b; }' };
    const error = await Execution.prepare({ ...linear, kernels: [kernel] }, gpu!).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(DeviceError);
    expect((error as Error).message).toContain('Broken + Kernel');
    gpu!.failures.check();
  });

  it('says which input has the wrong size', async () => {
    await expect(runPlan(gpu!, linear, { inputs: { x: [1, 2] } })).rejects.toThrow(
      'x is [3]: 3 numbers, not 2',
    );
  });
});
