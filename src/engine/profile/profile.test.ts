/** On the adapter that is there (a software one will do): counts and times of work whose size is known. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Device, lookForGpu, openDevice, tf } from '../index.ts';
import { GpuMeter } from './meter.ts';
import { GpuTimeline } from './timeline.ts';

const { adapter } = await lookForGpu();

describe.skipIf(!adapter)('on WebGPU', () => {
  let device: Device;
  let gpu: GPUDevice;
  let meter: GpuMeter;

  beforeAll(async () => {
    device = await openDevice('webgpu', { remember: false });
    gpu = (tf.backend() as unknown as { device: GPUDevice }).device;
    meter = GpuMeter.attach();
  });
  afterAll(async () => {
    meter.dispose();
    await device.dispose();
  });

  const pipeline = (label: string): GPUComputePipeline =>
    gpu.createComputePipeline({
      label,
      layout: 'auto',
      compute: {
        module: gpu.createShaderModule({
          code: `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
            @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) at: vec3<u32>) {
              for (var i = 0; i < 2000; i++) { x[at.x] = x[at.x] * 0.5 + 1.0; } }`,
        }),
        entryPoint: 'main',
      },
    });

  function encode(labels: readonly string[], buffer: GPUBuffer): void {
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const label of labels) {
      const program = pipeline(label);
      pass.setPipeline(program);
      pass.setBindGroup(
        0,
        gpu.createBindGroup({
          layout: program.getBindGroupLayout(0),
          entries: [{ binding: 0, resource: { buffer } }],
        }),
      );
      pass.dispatchWorkgroups(buffer.size / 256);
    }
    pass.end();
    gpu.queue.submit([encoder.finish()]);
  }

  test('counts dispatches, submits, bytes by owner, and waiting', async () => {
    meter.owner = 'a';
    const first = gpu.createBuffer({ size: 4096, usage: GPUBufferUsage.STORAGE });
    meter.owner = 'b';
    const second = gpu.createBuffer({ size: 1024, usage: GPUBufferUsage.STORAGE });
    const start = meter.counts();
    const began = performance.now();
    encode(['one', 'two'], first);
    encode(['three'], second);
    await gpu.queue.onSubmittedWorkDone();
    const took = performance.now() - began;
    const counted = meter.since(start);
    expect(counted).toMatchObject({ dispatches: 3, submits: 2 });
    expect(counted.waitedMs).toBeGreaterThan(0);
    expect(counted.waitedMs).toBeLessThanOrEqual(took);
    expect(meter.bytes('a')).toEqual({ now: 4096, peak: 4096 });
    first.destroy();
    first.destroy();
    second.destroy();
    expect(meter.bytes('a')).toEqual({ now: 0, peak: 4096 });
    expect(meter.bytes('b')).toEqual({ now: 0, peak: 1024 });
    meter.resetPeak('a');
    expect(meter.bytes('a').peak).toBe(0);
  });

  test('times passes, and dispatches one by one by their labels', async () => {
    const buffer = gpu.createBuffer({ size: 2 ** 16, usage: GPUBufferUsage.STORAGE });
    const byPass = GpuTimeline.attach(gpu, { by: 'pass' });
    encode(['one', 'two'], buffer);
    const [whole, ...more] = await byPass.read();
    byPass.dispose();
    expect(more).toEqual([]);
    expect(whole).toMatchObject({ label: 'two', dispatches: 2 });
    const byDispatch = GpuTimeline.attach(gpu, { by: 'dispatch' });
    encode(['one', 'two'], buffer);
    const parts = await byDispatch.read();
    byDispatch.dispose();
    buffer.destroy();
    expect(parts.map(({ label }) => label)).toEqual(['one', 'two']);
    for (const { ms } of [whole!, ...parts]) expect(ms).toBeGreaterThan(0);
    expect(Object.hasOwn(gpu, 'createCommandEncoder')).toBe(false);
  });

  test('times more passes than a set of queries holds', async () => {
    const buffer = gpu.createBuffer({ size: 256, usage: GPUBufferUsage.STORAGE });
    const timeline = GpuTimeline.attach(gpu, { by: 'pass' });
    for (let i = 0; i < 2100; i++) {
      const encoder = gpu.createCommandEncoder();
      encoder.beginComputePass().end();
      gpu.queue.submit([encoder.finish()]);
    }
    encode(['last'], buffer);
    const passes = await device.guard(timeline.read());
    timeline.dispose();
    buffer.destroy();
    expect(passes).toHaveLength(2101);
    expect(passes.at(-1)).toMatchObject({ label: 'last', dispatches: 1 });
    expect(passes.at(-1)!.ms).toBeGreaterThan(0);
  });
});
