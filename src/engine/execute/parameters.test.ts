/** Variables in place: compiled runs and eager code work on the same memory. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DeviceError } from '../../core/index.ts';
import { findGpu } from '../choose.ts';
import type { KernelPlan } from '../compile/types.ts';
import { type Device, openDevice } from '../device.ts';
import { GpuMeter } from '../profile/index.ts';
import { emptyPlan, pointwise, vector } from '../testing/hand-plan.ts';
import * as tf from '../tf.ts';
import { gpuOf } from './execution.ts';
import { Execution } from './index.ts';

const found = await findGpu();
if ('access' in found) found.access.close();
else console.warn(`NOT RUN on webgpu: ${found.missing}`);

/** w ← w + g, written in place: the parameter's own id is bound for writing. */
const standing: KernelPlan = {
  ...emptyPlan,
  values: new Map([vector(0, 3), vector(1, 3)]),
  kernels: [pointwise('Update', 3, [1], 0, 'out[i] + a[i]')],
  inputs: { g: 1 },
  parameters: { w: 0 },
  updates: { w: 0 },
};

/**
 * Two parameters of 3 and 70 elements in one arena (id 9), and gradients g·1 and g·2 in another (id 8); one kernel
 * updates both parameters: w ← w + gradient.
 */
const arenas: KernelPlan = {
  ...emptyPlan,
  values: new Map([
    vector(0, 3, { within: { value: 9, offset: 0 } }),
    vector(1, 70, { within: { value: 9, offset: 64 } }),
    vector(2, 3, { within: { value: 8, offset: 0 } }),
    vector(3, 70, { within: { value: 8, offset: 64 } }),
    vector(4, 1),
    vector(5, 1),
    vector(8, 192),
    vector(9, 192),
  ]),
  kernels: [
    pointwise('Gradient a', 3, [4, 0], 2, 'a[0] + 0.0 * b[i]'),
    pointwise('Gradient b', 70, [4, 1], 3, '2.0 * a[0] + 0.0 * b[i]'),
    pointwise('Sum', 1, [8], 5, 'sum()'),
    pointwise('Update all', 192, [8], 9, 'out[i] + a[i]'),
  ].map((kernel) => ({
    ...kernel,
    wgsl: kernel.wgsl.includes('sum()')
      ? `fn sum() -> f32 { var s = 0.0; for (var i = 0; i < 192; i++) { s += a[i]; } return s; }\n${kernel.wgsl}`
      : kernel.wgsl,
  })),
  inputs: { g: 4 },
  parameters: { a: 0, b: 1 },
  outputs: { sum: 5 },
  updates: { a: 0, b: 1 },
};

describe.skipIf('missing' in found)('parameters', () => {
  let device: Device;
  const variables: tf.Variable[] = [];
  const variable = (values: number[]): tf.Variable => {
    const made = tf.tidy(() => tf.variable(tf.tensor1d(values)));
    variables.push(made);
    return made;
  };
  const values = async (tensor: tf.Tensor): Promise<number[]> => [...(await device.read(tensor))];
  const filled = (value: number): number[] => new Array<number>(70).fill(value);

  beforeEach(async () => {
    device = await openDevice('webgpu');
  });
  afterEach(async () => {
    tf.dispose(variables.splice(0));
    await device.dispose();
  });

  it('are variables: written in place, read by eager code, without a second copy', async () => {
    const w = variable([1, 2, 3]);
    const bytes = device.memory().bytes;
    const execution = await Execution.prepare(standing, device, { parameters: { w } });
    // The variable, which was on the host until now, and the input.
    expect(device.memory().bytes - bytes).toBe(12 + 12);
    execution.write('g', [1, 1, 1]);
    await execution.run();
    expect(await values(w)).toEqual([2, 3, 4]);
    await execution.run();
    expect(await values(tf.tidy(() => tf.mul(w, 10)))).toEqual([30, 40, 50]);
    // A read that began before a run and ends after it is not what later reads see.
    const early = w.data();
    await execution.run();
    expect([...(await early)]).toEqual([3, 4, 5]);
    expect(await values(w)).toEqual([4, 5, 6]);
    execution.dispose();
    expect(await values(w)).toEqual([4, 5, 6]);
  });

  it('follow what eager code assigns', async () => {
    const w = variable([1, 2, 3]);
    const execution = await Execution.prepare(standing, device, { parameters: { w } });
    execution.write('g', [1, 1, 1]);
    tf.tidy(() => w.assign(tf.tensor1d([10, 20, 30])));
    await execution.run();
    expect(await values(w)).toEqual([11, 21, 31]);
    expect([...(await execution.read('w'))]).toEqual([11, 21, 31]);
    execution.dispose();
  });

  it('leave clones alone', async () => {
    const w = variable([1, 2, 3]);
    const execution = await Execution.prepare(standing, device, { parameters: { w } });
    execution.write('g', [1, 1, 1]);
    const kept = tf.clone(w);
    await execution.run();
    expect(await values(kept)).toEqual([1, 2, 3]);
    expect(await values(w)).toEqual([2, 3, 4]);
    kept.dispose();
    execution.dispose();
  });

  it('are slices of arenas, which one kernel updates', async () => {
    const a = variable([1, 2, 3]);
    const b = variable(filled(5));
    await values(tf.tidy(() => tf.concat([a, b])));
    device.trim();
    const before = device.memory().bytes;
    const execution = await Execution.prepare(arenas, device, { parameters: { a, b } });
    // Two arenas and two scalars for the variables' own buffers.
    expect(device.memory().bytes - before).toBe(2 * 4 * 192 + 8 - 4 * 73);
    execution.write('g', [1]);
    for (let step = 1; step <= 2; step++) {
      await execution.run();
      expect(await values(a)).toEqual([1 + step, 2 + step, 3 + step]);
      expect(await values(b)).toEqual(filled(5 + 2 * step));
      // Gaps are zero.
      expect([...(await execution.read('sum'))]).toEqual([3 + 2 * 70]);
    }
    // Eager kernels bind slices, and what they compute is theirs.
    expect(await values(tf.tidy(() => tf.add(tf.sum(b), tf.sum(a))))).toEqual([70 * 9 + 12]);
    execution.dispose();
    expect(await values(a)).toEqual([3, 4, 5]);
    expect(await values(b)).toEqual(filled(9));
  });

  it('move into arenas one after the other: never all of them twice', async () => {
    const size = 2 ** 16;
    const [bytes, count] = [4 * size, 4];
    const numbers = Array.from({ length: count }, (_, i) => i);
    const plan: KernelPlan = {
      ...emptyPlan,
      values: new Map(
        numbers.flatMap((i) => [
          vector(i, size, { within: { value: count + i, offset: 0 } }),
          vector(count + i, size),
        ]),
      ),
      kernels: numbers.map((i) => pointwise(`Update ${i}`, size, [], count + i, 'out[i] + 1.0')),
      parameters: Object.fromEntries(numbers.map((i) => [`w${i}`, i])),
      updates: Object.fromEntries(numbers.map((i) => [`w${i}`, i])),
    };
    const meter = GpuMeter.attach();
    const weights = numbers.map((i) => variable(new Array<number>(size).fill(i)));
    await device.read(tf.addN(weights));
    device.trim();
    meter.resetPeak();
    const before = meter.bytes().now;
    expect(before).toBeGreaterThanOrEqual(count * bytes);
    const execution = await Execution.prepare(plan, device, {
      parameters: Object.fromEntries(weights.map((weight, i) => [`w${i}`, weight])),
    });
    expect(meter.bytes().peak).toBe(before + bytes);
    meter.dispose();
    await execution.run();
    for (const [i, weight] of weights.entries()) expect((await device.read(weight))[size - 1]).toBe(i + 1);
    execution.dispose();
  });

  it('move back out of the arenas when the next one does not fit', async () => {
    const plan: KernelPlan = {
      ...emptyPlan,
      values: new Map(
        [0, 1, 2].flatMap((i) => [
          vector(i, 70, { within: { value: 3 + i, offset: 0 } }),
          vector(3 + i, 128),
        ]),
      ),
      kernels: [0, 1, 2].map((i) => pointwise(`Update ${i}`, 70, [], 3 + i, 'out[i] + 1.0')),
      parameters: { a: 0, b: 1, c: 2 },
      updates: { a: 0, b: 1, c: 2 },
    };
    const weights = [1, 2, 3].map((value) => variable(filled(value)));
    const [a, b, c] = weights as [tf.Variable, tf.Variable, tf.Variable];
    const { memory } = gpuOf(device);
    const before = memory.bytes;
    const allocate = memory.allocate.bind(memory);
    let arenasMade = 0;
    memory.allocate = (label, size, usage) => {
      if (label === 'variables' && arenasMade++ >= 2)
        throw new DeviceError({ code: 'out_of_memory', expected: 'room', received: 'none', fix: 'less' });
      return allocate(label, size, usage);
    };
    await expect(Execution.prepare(plan, device, { parameters: { a, b, c } })).rejects.toThrow('none');
    memory.allocate = allocate;
    expect(memory.bytes).toBe(before);
    for (const [i, weight] of weights.entries()) expect(await values(weight)).toEqual(filled(i + 1));
    const execution = await Execution.prepare(plan, device, { parameters: { a, b, c } });
    await execution.run();
    expect(await values(c)).toEqual(filled(4));
    execution.dispose();
  });

  it('come back to their slices after a swap, as averages are put in for an evaluation', async () => {
    const a = variable([1, 2, 3]);
    const b = variable(filled(5));
    const average = variable([7, 8, 9]);
    const execution = await Execution.prepare(arenas, device, { parameters: { a, b } });
    const swap = (): void =>
      tf.tidy(() => {
        const kept = tf.clone(a);
        a.assign(tf.clone(average));
        average.assign(kept as tf.Tensor1D);
      });
    execution.write('g', [1]);
    await execution.run();
    swap();
    expect(await values(a)).toEqual([7, 8, 9]);
    expect(await values(average)).toEqual([2, 3, 4]);
    await execution.run();
    expect(await values(a)).toEqual([8, 9, 10]);
    expect(await values(average)).toEqual([2, 3, 4]);
    swap();
    swap();
    await execution.run();
    expect(await values(a)).toEqual([9, 10, 11]);
    expect(await values(average)).toEqual([2, 3, 4]);
    // Both in the arena, exchanged.
    const c = variable([0, 0, 0]);
    tf.tidy(() => c.assign(tf.clone(a)));
    await execution.run();
    expect(await values(c)).toEqual([9, 10, 11]);
    expect(await values(a)).toEqual([10, 11, 12]);
    execution.dispose();
    expect(await values(c)).toEqual([9, 10, 11]);
    expect(await values(a)).toEqual([10, 11, 12]);
  });

  it('are shared by plans: an evaluation reads the slices that training writes', async () => {
    const a = variable([1, 2, 3]);
    const b = variable(filled(5));
    const training = await Execution.prepare(arenas, device, { parameters: { a, b } });
    const evaluation = await Execution.prepare(
      {
        ...emptyPlan,
        values: new Map([vector(0, 3), vector(1, 3)]),
        kernels: [pointwise('Double', 3, [0], 1, '2.0 * a[i]')],
        parameters: { a: 0 },
        outputs: { y: 1 },
      },
      device,
      { parameters: { a } },
    );
    const bytes = device.memory().bytes;
    const again = await Execution.prepare(arenas, device, { parameters: { a, b } });
    // Same layout, same memory; outputs and inputs are its own.
    expect(device.memory().bytes - bytes).toBe(8);
    training.write('g', [1]);
    again.write('g', [10]);
    await training.run();
    await evaluation.run();
    expect([...(await evaluation.read('y'))]).toEqual([4, 6, 8]);
    await again.run();
    await evaluation.run();
    expect([...(await evaluation.read('y'))]).toEqual([24, 26, 28]);
    training.dispose();
    again.dispose();
    await evaluation.run();
    expect([...(await evaluation.read('y'))]).toEqual([24, 26, 28]);
    evaluation.dispose();
  });

  it('may be set without being read', async () => {
    const copy = variable([0, 0, 0]);
    const w = variable([1, 2, 3]);
    const execution = await Execution.prepare(
      {
        ...emptyPlan,
        values: new Map([vector(0, 3), vector(1, 3)]),
        kernels: [pointwise('Half', 3, [0], 1, '0.5 * a[i]')],
        parameters: { w: 0 },
        updates: { copy: 1, w: 1 },
      },
      device,
      { parameters: { copy, w } },
    );
    await execution.run();
    expect(await values(copy)).toEqual([0.5, 1, 1.5]);
    await execution.run();
    expect(await values(copy)).toEqual([0.25, 0.5, 0.75]);
    expect(await values(w)).toEqual([0.25, 0.5, 0.75]);
    execution.dispose();
  });

  it('exchange their values', async () => {
    const v = variable([1, 2, 3]);
    const w = variable([4, 5, 6]);
    const execution = await Execution.prepare(
      {
        ...emptyPlan,
        values: new Map([vector(0, 3), vector(1, 3)]),
        kernels: [],
        parameters: { v: 0, w: 1 },
        updates: { v: 1, w: 0 },
      },
      device,
      { parameters: { v, w } },
    );
    await execution.run();
    expect(await values(v)).toEqual([4, 5, 6]);
    expect(await values(w)).toEqual([1, 2, 3]);
    execution.dispose();
  });

  it('say what does not fit', async () => {
    const w = variable([1, 2]);
    await expect(Execution.prepare(standing, device, { parameters: { w } })).rejects.toThrow(
      'w is float32 [3] in the plan, and float32 [2] as a variable',
    );
    await expect(Execution.prepare(standing, device, { parameters: { v: w } })).rejects.toThrow(
      'v was given',
    );
  });
});
