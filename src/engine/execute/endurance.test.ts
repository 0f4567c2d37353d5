/** Long runs stay flat; a device that is lost ends what waits for it, and another one can go on. */
import { afterEach, describe, expect, it } from 'vitest';
import { DeviceError } from '../../core/index.ts';
import { findGpu } from '../choose.ts';
import { type Device, openDevice } from '../device.ts';
import { momentumPlan } from '../testing/hand-plan.ts';
import * as tf from '../tf.ts';
import { Execution } from './index.ts';

const found = await findGpu();
if ('access' in found) found.access.close();
else console.warn(`NOT RUN on webgpu: ${found.missing}`);

async function errorOf(work: Promise<unknown>): Promise<DeviceError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DeviceError);
  return error as DeviceError;
}

describe.skipIf('missing' in found)('a long run', () => {
  let device: Device | undefined;
  afterEach(async () => {
    await device?.dispose();
    device = undefined;
  });

  const variablesOf = (weights: readonly number[], momenta: readonly number[]) => ({
    weight: tf.tidy(() => tf.variable(tf.tensor1d([...weights]))),
    momentum: tf.tidy(() => tf.variable(tf.tensor1d([...momenta]))),
  });

  it('keeps bytes and tensors flat', async () => {
    device = await openDevice('webgpu');
    const variables = variablesOf([1, 1, 1, 1], [0, 0, 0, 0]);
    const execution = await Execution.prepare(momentumPlan(4), device, { parameters: variables });
    const late: Promise<ArrayLike<number>>[] = [];
    const step = async (number: number): Promise<void> => {
      execution.write('gradient', Float32Array.of(1, 0, -1, number % 2));
      await execution.run();
      late.push(execution.read('norm'));
      if (late.length > 3) await late.shift();
      // Now and then somebody looks at the weights, as a checkpoint does.
      if (number % 50 === 0) await device!.read(variables.weight);
    };
    for (let number = 0; number < 60; number++) await step(number);
    const before = device.memory();
    for (let number = 60; number < 300; number++) await step(number);
    expect(device.memory()).toEqual(before);
    await Promise.all(late);
    execution.dispose();
    tf.dispose(variables);
  });

  it('ends at once when the device is lost, and goes on with another one', async () => {
    device = await openDevice('webgpu');
    const plan = momentumPlan(4);
    const step = async (execution: Execution): Promise<void> => {
      execution.write('gradient', [1, 2, 3, 4]);
      await execution.run();
    };
    let variables = variablesOf([0, 0, 0, 0], [0, 0, 0, 0]);
    let execution = await Execution.prepare(plan, device, { parameters: variables });
    await step(execution);
    await step(execution);
    const saved = {
      weight: Array.from(await device.read(variables.weight)),
      momentum: Array.from(await device.read(variables.momentum)),
    };
    await step(execution);

    const pending = execution.read('norm');
    device.gpu!.device.destroy();
    expect((await errorOf(pending)).code).toBe('device_lost');
    expect((await errorOf(execution.run())).code).toBe('device_lost');
    expect((await errorOf(execution.read('norm'))).code).toBe('device_lost');
    expect((await errorOf(Execution.prepare(plan, device, { parameters: variables }))).code).toBe(
      'device_lost',
    );
    execution.dispose();
    await device.dispose();
    tf.dispose(variables);

    device = await openDevice('webgpu');
    expect(device.memory()).toEqual({ bytes: 0, tensors: 0 });
    variables = variablesOf(saved.weight, saved.momentum);
    execution = await Execution.prepare(plan, device, { parameters: variables });
    await step(execution);
    // Momentum 0.5: −(1 + 1.5 + 1.75) · gradient.
    expect([...(await device.read(variables.weight))]).toEqual([-4.25, -8.5, -12.75, -17]);
    execution.dispose();
    tf.dispose(variables);
  });

  it('says so when the memory does not suffice, and leaves nothing behind', async () => {
    device = await openDevice('webgpu');
    const { gpu } = device;
    const before = device.memory().bytes;
    const size = gpu!.memory.largestBinding / 4 + 1;
    const error = await errorOf(Execution.prepare(momentumPlan(size), device));
    expect(error.code).toBe('out_of_memory');
    expect(error.message).toContain('accumulate_grad_batches');
    expect(device.memory().bytes).toBe(before);
    device.check();
  });

  it('hears from the device that memory ran out, and goes on', async () => {
    device = await openDevice('webgpu');
    const before = device.memory().bytes;
    const { device: gpuDevice } = device.gpu!;
    // No software adapter here ever runs out (buffers of 160 GB are given), so this answers in its place, as
    // WebGPU does: createBuffer returns, and the scope around it holds the error.
    const pop = gpuDevice.popErrorScope.bind(gpuDevice);
    const runOut = (times: number): void => {
      let left = times;
      gpuDevice.popErrorScope = async () => {
        const error = await pop();
        return left-- > 0 ? new GPUOutOfMemoryError('Failed to allocate memory') : error;
      };
    };
    const plan = { ...momentumPlan(4), kernels: [] };
    runOut(2);
    const error = await errorOf(Execution.prepare(plan, device));
    expect(error.code).toBe('out_of_memory');
    expect(error.message).toContain('Failed to allocate memory');
    expect(device.memory().bytes).toBe(before);
    // Once only: buffers that TensorFlow.js keeps for reuse are given back, and it is tried again.
    await device.read(tf.tidy(() => tf.add(tf.ones([1000]), 1)));
    const reusable = device.memory().bytes;
    expect(reusable).toBeGreaterThan(before);
    runOut(1);
    const execution = await Execution.prepare(plan, device);
    expect(device.memory().bytes).toBeLessThan(reusable);
    execution.dispose();
    device.check();
  });
});
