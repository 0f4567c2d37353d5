/**
 * What the adapter can do at most, measured: multiply-adds in registers (no memory) and a copy between two
 * buffers (no arithmetic), each the best of a few runs by GPU time. Kernels are judged by their share of these.
 * The work doubles until a run takes long enough for the clock.
 */
import { GpuTimeline } from './timeline.ts';

export interface AdapterPeak {
  /** Billions of f32 additions and multiplications a second. */
  readonly gflops: number;
  /** Billions of bytes a second, read and written together. */
  readonly gigabytesPerSecond: number;
}

const chains = 8;
const rounds = 256;
const workgroup = 256;
/** Long enough to dwarf the start of a dispatch. */
const enoughMs = 8;

/** What each invocation does, additions and multiplications of f32. */
export const flopsPerInvocation = 2 * 4 * chains * rounds;

/** x ← x · factor + addend in chains that don't wait for each other. `end`: what becomes of their `sum`. */
export const multiplyAdd = (end: string): string => `
@group(0) @binding(0) var<storage, read_write> result: array<vec4<f32>>;
@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = at.x + at.y * groups.x * ${workgroup}u;
  // Numbers that the compiler can't know, and that stay finite: x ← x · 0.999… + small.
  let factor = vec4<f32>(0.999 + f32(i & 1u) * 1e-7);
  let addend = vec4<f32>(f32(i & 3u) * 1e-6);
${Array.from({ length: chains }, (_, c) => `  var x${c} = vec4<f32>(f32(i + ${c}u) * 1e-6);`).join('\n')}
  for (var round = 0; round < ${rounds}; round++) {
${Array.from({ length: chains }, (_, c) => `    x${c} = x${c} * factor + addend;`).join('\n')}
  }
  let sum = ${Array.from({ length: chains }, (_, c) => `x${c}`).join(' + ')};
  ${end}
}`;

/** Never true; without it the arithmetic would be dropped. */
const neverStored = 'if (sum.x == 12345.678) { result[0] = sum; }';

/** Each invocation copies 16 bytes. */
export const copy = `
@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> result: array<vec4<f32>>;
@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = at.x + at.y * groups.x * ${workgroup}u;
  if (i < arrayLength(&source)) { result[i] = source[i]; }
}`;

export async function measurePeak(device: GPUDevice): Promise<AdapterPeak> {
  const timeline = GpuTimeline.attach(device, { by: 'pass' });
  try {
    const gflops = await measureArithmetic(device, timeline);
    const gigabytesPerSecond = await measureCopy(device, timeline);
    return { gflops, gigabytesPerSecond };
  } finally {
    timeline.dispose();
  }
}

async function measureArithmetic(device: GPUDevice, timeline: GpuTimeline): Promise<number> {
  const pipeline = pipelineOf(device, 'peak arithmetic', multiplyAdd(neverStored));
  const result = device.createBuffer({ size: 256, usage: GPUBufferUsage.STORAGE });
  const group = bind(device, pipeline, [result]);
  try {
    for (let groups = 16; ; groups *= 2) {
      const [x, y] = grid(groups);
      const ms = await best(device, timeline, pipeline, group, [x, y]);
      const flops = x * y * workgroup * flopsPerInvocation;
      if (ms >= enoughMs || groups >= 2 ** 20) return flops / ms / 1e6;
    }
  } finally {
    result.destroy();
  }
}

async function measureCopy(device: GPUDevice, timeline: GpuTimeline): Promise<number> {
  const pipeline = pipelineOf(device, 'peak copy', copy);
  const limit = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize, 2 ** 29);
  for (let size = 2 ** 24; ; size *= 2) {
    const [source, target] = [0, 1].map(() =>
      device.createBuffer({ size, usage: GPUBufferUsage.STORAGE }),
    ) as [GPUBuffer, GPUBuffer];
    try {
      const group = bind(device, pipeline, [source, target]);
      const ms = await best(device, timeline, pipeline, group, grid(size / 16 / workgroup));
      if (ms >= enoughMs || size * 2 > limit) return (2 * size) / ms / 1e6;
    } finally {
      source.destroy();
      target.destroy();
    }
  }
}

function pipelineOf(device: GPUDevice, label: string, code: string): GPUComputePipeline {
  const module = device.createShaderModule({ label, code });
  return device.createComputePipeline({ label, layout: 'auto', compute: { module, entryPoint: 'main' } });
}

function bind(device: GPUDevice, pipeline: GPUComputePipeline, buffers: readonly GPUBuffer[]): GPUBindGroup {
  return device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
}

/** A dimension of a dispatch may be 65535 at most. */
function grid(groups: number): [x: number, y: number] {
  const y = Math.ceil(groups / 32768);
  return [Math.ceil(groups / y), y];
}

/** Shortest GPU time of four runs, in milliseconds; the first also warms up. */
async function best(
  device: GPUDevice,
  timeline: GpuTimeline,
  pipeline: GPUComputePipeline,
  group: GPUBindGroup,
  [x, y]: readonly [number, number],
): Promise<number> {
  for (let run = 0; run < 4; run++) {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(x, y);
    pass.end();
    device.queue.submit([encoder.finish()]);
  }
  const times = (await timeline.read()).map(({ ms }) => ms).filter((ms) => ms > 0);
  return times.length > 0 ? Math.min(...times) : 0;
}
