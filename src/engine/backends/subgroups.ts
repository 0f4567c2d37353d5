/**
 * How many neighbouring invocations of a workgroup can exchange numbers by `subgroupShuffleXor`. WGSL promises neither
 * that the invocations of a subgroup are neighbours nor which size subgroups have in a pipeline, so the exchange that
 * kernels rely on is tried once on the device, in workgroups as kernels have them.
 */

/** Of the workgroups that are tried. */
const sizes = [64, 256] as const;

/** A power of two, at most `least` (the adapter's smallest subgroup); 1 where the exchange is not as expected. */
export async function subgroupWidth(device: GPUDevice, least: number): Promise<number> {
  const most = 2 ** Math.floor(Math.log2(Math.max(1, least)));
  if (most < 2 || !device.features.has('subgroups' as GPUFeatureName)) return 1;
  const works = await Promise.all(sizes.map((size) => exchangesNeighbours(device, size, most)));
  return works.every(Boolean) ? most : 1;
}

/** Whether every invocation gets the sum over the `width` neighbours that it is among. */
async function exchangesNeighbours(device: GPUDevice, size: number, width: number): Promise<boolean> {
  const numberOf = (lane: number): number => (lane * 7919) % 1021;
  const steps = Array.from(
    { length: Math.log2(width) },
    (_, i) => `sum += subgroupShuffleXor(sum, ${2 ** i}u);`,
  );
  const code = `enable subgroups;
@group(0) @binding(0) var<storage, read_write> sums: array<u32>;
@compute @workgroup_size(${size})
fn main(@builtin(local_invocation_index) lane: u32) {
var sum = (lane * 7919u) % 1021u;
${steps.join('\n')}
sums[lane] = sum;
}`;
  const label = 'subgroups';
  const module = device.createShaderModule({ label, code });
  const bytes = 4 * size;
  const sums = device.createBuffer({
    label,
    size: bytes,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
  });
  const read = device.createBuffer({
    label,
    size: bytes,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  try {
    const pipeline = await device.createComputePipelineAsync({ label, layout: 'auto', compute: { module } });
    const encoder = device.createCommandEncoder({ label });
    const pass = encoder.beginComputePass({ label });
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [{ binding: 0, resource: { buffer: sums } }],
      }),
    );
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.copyBufferToBuffer(sums, 0, read, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await read.mapAsync(GPUMapMode.READ);
    const found = new Uint32Array(read.getMappedRange());
    return found.every((sum, lane) => {
      const first = lane - (lane % width);
      const wanted = Array.from({ length: width }, (_, i) => numberOf(first + i));
      return sum === wanted.reduce((total, number) => total + number, 0);
    });
  } catch {
    // A driver that offers subgroups and does not compile this has none for us.
    return false;
  } finally {
    sums.destroy();
    read.destroy();
  }
}
