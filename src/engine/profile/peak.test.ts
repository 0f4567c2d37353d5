/**
 * The adapter's peak, which all shares of it stand on, against what the device was seen to do: how much arithmetic a
 * dispatch does is told by its results, how much it copies by the bytes that arrive, and times by the clock.
 */
import { expect, it, vi } from 'vitest';
import { openTestGpu } from '../testing/run-plan.ts';
import { copy, flopsPerInvocation, measurePeak, multiplyAdd } from './peak.ts';
import { GpuTimeline, type TimedPass } from './timeline.ts';

const gpu = await openTestGpu();
const measures = gpu?.device.features.has('timestamp-query') ?? false;

/** What a kernel leaves in its last buffer. */
async function run(
  code: string,
  buffers: readonly { readonly size: number; readonly data?: Float32Array }[],
  workgroups: readonly [number, number],
): Promise<Float32Array> {
  const { device } = gpu!;
  const pipeline = device.createComputePipeline({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
  });
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const made = buffers.map(({ size }) => device.createBuffer({ size, usage }));
  buffers.forEach(({ data }, i) => {
    if (data) device.queue.writeBuffer(made[i]!, 0, data as never);
  });
  const { size } = buffers.at(-1)!;
  const staging = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = made.map((buffer, binding) => ({ binding, resource: { buffer } }));
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(...workgroups);
  pass.end();
  encoder.copyBufferToBuffer(made.at(-1)!, 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const result = new Float32Array(staging.getMappedRange().slice(0));
  for (const buffer of [...made, staging]) buffer.destroy();
  return result;
}

it.skipIf(!gpu)('counts the arithmetic that an invocation does', async () => {
  const [x, y] = [2, 2];
  const count = x * y * 256;
  const sums = await run(multiplyAdd('result[i] = sum;'), [{ size: 16 * count }], [x, y]);
  // Every fourth invocation adds nothing: Σ over chains c of (i + c)·1e-6·0.999^rounds, a line over i.
  const at = (i: number): number => sums[4 * i]!;
  const slope = (at(1020) - at(0)) / 1020;
  // Σ c / chains = (chains − 1) / 2
  const chains = Math.round((2 * at(0)) / slope + 1);
  const rounds = Math.log(slope / (chains * 1e-6)) / Math.log(0.999);
  expect(rounds).toBeCloseTo(Math.round(rounds), 1);
  expect(Math.round(rounds)).toBeGreaterThan(100);
  // All four lanes of the vectors are computed.
  for (let i = 0; i < count; i += 4)
    expect(new Set(sums.subarray(4 * i, 4 * i + 4)), `invocation ${i}`).toEqual(new Set([at(i)]));
  // A multiplication and an addition for each.
  expect(flopsPerInvocation).toBe(2 * 4 * chains * Math.round(rounds));
});

it.skipIf(!gpu)('copies every byte once', async () => {
  const data = Float32Array.from({ length: 4 * 1000 }, (_, i) => i + 1);
  const size = data.byteLength;
  expect(await run(copy, [{ size, data }, { size }], [2, 2])).toEqual(data);
});

/** Workgroups of each dispatch on the device and the largest buffer that it had, from now on. */
function watch(device: GPUDevice): { readonly dispatches: number[]; largest: number } {
  const seen = { dispatches: [] as number[], largest: 0 };
  const createEncoder = device.createCommandEncoder.bind(device);
  vi.spyOn(device, 'createCommandEncoder').mockImplementation((descriptor) => {
    const encoder = createEncoder(descriptor);
    const begin = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (passDescriptor) => {
      const pass = begin(passDescriptor);
      const dispatch = pass.dispatchWorkgroups.bind(pass);
      pass.dispatchWorkgroups = (x, y = 1, z = 1) => {
        seen.dispatches.push(x * y * z);
        return dispatch(x, y, z);
      };
      return pass;
    };
    return encoder;
  });
  const createBuffer = device.createBuffer.bind(device);
  vi.spyOn(device, 'createBuffer').mockImplementation((descriptor) => {
    seen.largest = Math.max(seen.largest, descriptor.size);
    return createBuffer(descriptor);
  });
  return seen;
}

it.skipIf(!measures)(
  'divides the work of a dispatch by the shortest time that it took',
  async () => {
    const { device } = gpu!;
    const passes: TimedPass[] = [];
    const read = GpuTimeline.prototype.read;
    vi.spyOn(GpuTimeline.prototype, 'read').mockImplementation(async function (this: GpuTimeline) {
      const found = await read.call(this);
      passes.push(...found);
      return found;
    });
    const seen = watch(device);
    const start = performance.now();
    const peak = await measurePeak(device);
    const wall = performance.now() - start;
    vi.restoreAllMocks();

    expect(passes).toHaveLength(seen.dispatches.length);
    const timed = passes.map(({ label, ms }, i) => ({ label, ms, workgroups: seen.dispatches[i]! }));
    /** The dispatches that were as large as the last one, and the shortest time of them. */
    const last = (label: string): { workgroups: number; ms: number } => {
      const own = timed.filter((pass) => pass.label === label);
      const { workgroups } = own.at(-1)!;
      const times = own.filter((pass) => pass.workgroups === workgroups).map(({ ms }) => ms);
      expect(times.length).toBeGreaterThan(1);
      return { workgroups, ms: Math.min(...times) };
    };
    const [arithmetic, copied] = [last('peak arithmetic'), last('peak copy')];
    expect(arithmetic.ms).toBeGreaterThanOrEqual(8);
    const flops = arithmetic.workgroups * 256 * flopsPerInvocation;
    expect(peak.gflops / (flops / (arithmetic.ms * 1e-3) / 1e9)).toBeCloseTo(1, 6);
    // Each of the two buffers is passed once, and hardly any invocation stands beside them.
    expect((copied.workgroups * 256 * 16) / seen.largest).toBeCloseTo(1, 2);
    expect(peak.gigabytesPerSecond / ((2 * seen.largest) / (copied.ms * 1e-3) / 1e9)).toBeCloseTo(1, 6);
    // By the clock of the wall: the device was busy for part of the time, and not longer.
    const busy = timed.reduce((sum, { ms }) => sum + ms, 0);
    expect(busy).toBeLessThan(wall);
    expect(busy).toBeGreaterThan(0.02 * wall);
  },
  60_000,
);
