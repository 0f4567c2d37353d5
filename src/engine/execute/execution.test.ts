/** Plans written by hand, run on whatever adapter is there. */
import { describe, expect, it } from 'vitest';
import { DeviceError } from '../../core/index.ts';
import type { KernelPlan } from '../compile/types.ts';
import { chain, emptyPlan, pointwise, vector } from '../testing/hand-plan.ts';
import { openTestGpu, runPlan } from '../testing/run-plan.ts';
import { Execution, estimate } from './index.ts';

const gpu = await openTestGpu();

/** y = x·w + c, w ← w + y. */
const linear: KernelPlan = {
  ...emptyPlan,
  values: new Map([vector(0, 3), vector(1, 3), vector(2, 3), vector(3, 3), vector(4, 3)]),
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
      ...emptyPlan,
      values: new Map([vector(0, 2), vector(1, 2), vector(2, 2), vector(3, 2)]),
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

  it('names the kernel that can not run, and goes on', async () => {
    const second = { ...linear.kernels[1]!, label: 'Too + Many', workgroups: [70_000, 1, 1] as const };
    const plan = { ...linear, kernels: [linear.kernels[0]!, second] };
    const error = await Execution.prepare(plan, gpu!).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DeviceError);
    expect((error as Error).message).toContain('Too + Many');
    gpu!.failures.check();
  });

  it('shares memory between values that are not alive together', async () => {
    const length = 40;
    const size = 100;
    const plan = chain(length, size);
    const report = estimate(plan);
    expect(report.inputs).toBe(4 * size);
    expect(report.activationsBound).toBeLessThanOrEqual(4 * size * (length + 1));
    expect(report.activations).toBeLessThan(1.4 * report.activationsBound);
    const bytes = gpu!.memory.bytes;
    const execution = await Execution.prepare(plan, gpu!);
    expect(gpu!.memory.bytes - bytes).toBe(report.total);
    execution.write('x', new Float32Array(size).fill(0.5));
    await execution.run();
    // Activations 1.5, 2.5, …, 40.5.
    expect(await execution.read('z')).toEqual(
      new Float32Array(size).fill(length * 0.5 + (length * (length + 1)) / 2),
    );
    execution.dispose();
    expect(gpu!.memory.bytes).toBe(bytes);
  });

  it('lets plans of several sizes share one pool', async () => {
    const before = gpu!.memory.bytes;
    const small = await Execution.prepare(chain(10, 64), gpu!);
    const run = async (execution: Execution, size: number): Promise<number> => {
      execution.write('x', new Float32Array(size));
      await execution.run();
      return (await execution.read('z'))[size - 1]!;
    };
    expect(await run(small, 64)).toBe(55);
    // Its slabs take the place of the first plan's.
    const large = await Execution.prepare(chain(12, 1000), gpu!);
    expect(await run(large, 1000)).toBe(78);
    expect(await run(small, 64)).toBe(55);
    const { activations, total } = small.report;
    // And what outputs are read through.
    const staging = 4 * 1000 + 256;
    expect(gpu!.memory.bytes - before).toBe(large.report.total + total - activations + staging);
    large.dispose();
    expect(await run(small, 64)).toBe(55);
    small.dispose();
    expect(gpu!.memory.bytes).toBe(before);
  });

  it('keeps what a halted run has computed while another plan needs more memory', async () => {
    const halted: KernelPlan = { ...chain(4, 64), halts: [{ kernel: 4, reads: ['z'], writes: [] }] };
    const small = await Execution.prepare(halted, gpu!);
    small.write('x', new Float32Array(64));
    let large: Execution | undefined;
    await small.run(async () => {
      large = await Execution.prepare(chain(12, 1000), gpu!);
      return {};
    });
    expect((await small.read('z'))[63]).toBe(10);
    large!.write('x', new Float32Array(1000));
    await large!.run();
    expect((await large!.read('z'))[999]).toBe(78);
    gpu!.failures.check();
    small.dispose();
    large!.dispose();
  });

  it('reads outputs while later runs are under way', async () => {
    const execution = await Execution.prepare(linear, gpu!, { parameters: { w: [0, 0, 0] } });
    const reads: Promise<ArrayLike<number>>[] = [];
    for (let step = 0; step < 6; step++) {
      execution.write('x', [step, step, step]);
      await execution.run();
      reads.push(execution.read('w'));
    }
    // w ← w + x·w + c from 0, with c = 0.5: 0.5, 0.5 + 0.5 + 0.5, …
    let w = 0;
    for (const [step, read] of reads.entries()) {
      w += step * w + 0.5;
      expect((await read)[0]).toBe(w);
    }
    execution.dispose();
  });

  it('copies outputs that will be read in the last submission of a run', async () => {
    const execution = await Execution.prepare(linear, gpu!, { parameters: { w: [1, 1, 1] } });
    const { queue } = gpu!.device;
    const { submit } = queue;
    let submissions = 0;
    queue.submit = (buffers) => {
      submissions++;
      submit.call(queue, buffers);
    };
    execution.write('x', [2, 2, 2]);
    await execution.run(undefined, ['y']);
    const early = execution.read('y');
    await execution.run(undefined, ['y']);
    expect((await early)[2]).toBe(2);
    expect((await execution.read('y'))[2]).toBe(6);
    expect(submissions).toBe(2);
    // Others, and those of a run that was told nothing, take a submission of their own.
    expect((await execution.read('w'))[2]).toBe(9);
    await execution.run();
    expect((await execution.read('y'))[2]).toBe(18);
    expect(submissions).toBe(5);
    queue.submit = submit;
    execution.dispose();
  });

  it('refuses a second run before a halted one ends', async () => {
    const plan: KernelPlan = {
      ...chain(2, 4),
      halts: [{ kernel: 1, reads: ['z'], writes: ['x'] }],
    };
    const execution = await Execution.prepare(plan, gpu!);
    const nested = execution.run(async () => {
      await expect(execution.run(() => ({ x: [0, 0, 0, 0] }))).rejects.toThrow('has not ended');
      return { x: [1, 1, 1, 1] };
    });
    await nested;
    execution.dispose();
  });

  it.each([true, false])('measures its kernels (timestamps: %s)', async (timestamps) => {
    const features = gpu!.features.filter((feature) => timestamps || feature !== 'timestamp-query');
    const plan = chain(3, 1000);
    const execution = await Execution.prepare({ ...plan, updates: {} }, { ...gpu!, features });
    execution.write('x', new Float32Array(1000));
    const times = await execution.profile();
    expect(times.map(({ label }) => label)).toEqual(plan.kernels.map(({ label }) => label));
    for (const { milliseconds, flops } of times) {
      expect(milliseconds).toBeGreaterThanOrEqual(0);
      expect(flops).toBe(1000);
    }
    expect(times.some(({ milliseconds }) => milliseconds > 0)).toBe(true);
    expect((await execution.read('z'))[0]).toBe(6);
    execution.dispose();
  });

  it('gives arenas of one plan memory of their own, however alike they are laid out', async () => {
    const plan: KernelPlan = {
      ...emptyPlan,
      values: new Map([
        vector(0, 3, { within: { value: 8, offset: 0 } }),
        vector(1, 3, { within: { value: 9, offset: 0 } }),
        vector(2, 3),
        vector(3, 3),
        vector(8, 64),
        vector(9, 64),
      ]),
      kernels: [
        pointwise('Double', 3, [2], 0, '2.0 * a[i]'),
        pointwise('Triple', 3, [2], 1, '3.0 * a[i]'),
        pointwise('Add', 3, [0, 1], 3, 'a[i] + b[i]'),
      ],
      inputs: { x: 2 },
      outputs: { sum: 3 },
    };
    const { sum } = await runPlan(gpu!, plan, { inputs: { x: [1, 2, 3] } });
    expect([...sum!]).toEqual([5, 10, 15]);
  });

  it('reads one slice of an arena and writes another in one kernel', async () => {
    const plan: KernelPlan = {
      ...emptyPlan,
      values: new Map([
        vector(0, 3, { within: { value: 9, offset: 0 } }),
        vector(1, 3, { within: { value: 9, offset: 64 } }),
        vector(2, 3),
        vector(9, 128),
      ]),
      kernels: [pointwise('Double', 3, [2], 0, '2.0 * a[i]'), pointwise('Add', 3, [0, 2], 1, 'a[i] + b[i]')],
      inputs: { x: 2 },
      outputs: { double: 0, triple: 1 },
    };
    const { double, triple } = await runPlan(gpu!, plan, { inputs: { x: [1, 2, 3] } });
    expect([...double!]).toEqual([2, 4, 6]);
    expect([...triple!]).toEqual([3, 6, 9]);
    const overlapping = { ...plan, kernels: [pointwise('Whole', 3, [0, 9], 1, 'a[i] + b[i]')] };
    await expect(runPlan(gpu!, overlapping)).rejects.toThrow('through two bindings');
    expect(() => estimate(overlapping)).toThrow('through two bindings');
  });
});
