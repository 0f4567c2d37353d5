/**
 * A session whose kernels are recorded once and then replayed by one call (onnxruntime's graph capture). That needs
 * shapes that never change, buffers that stay where they are, and every operation on the GPU; a recording that gives
 * other numbers than a plain run would be worse than none, so it is checked on two pictures before anyone sees it.
 *
 * Inputs are written into fixed buffers, all outputs come back in one staging buffer: one copy and one wait a picture.
 */
import type { OnnxWeb } from '../../platform/browser/index.ts';
import type { HostOutputs } from '../../tasks/decoding/index.ts';
import { asFloats, type Feeds, type NamedInput, type Port, type Provider, type Session } from './outputs.ts';

interface Output {
  readonly name: string;
  readonly dtype: 'float32' | 'float16';
  readonly shape: readonly number[];
  readonly buffer: GPUBuffer;
  /** Bytes, and where they lie in the staging buffer. */
  readonly size: number;
  readonly offset: number;
}

interface Memory {
  readonly inputs: ReadonlyMap<string, GPUBuffer>;
  readonly outputs: readonly Output[];
  readonly staging: GPUBuffer;
  readonly feeds: Feeds;
  readonly fetches: Feeds;
}

const usage = { STORAGE: 0x80, COPY_SRC: 0x04, COPY_DST: 0x08, MAP_READ: 0x01 } as const;
const bytesOf = { float32: 4, float16: 2 } as const;
const aligned = (size: number): number => Math.ceil(size / 16) * 16;

export class CapturedSession {
  private constructor(
    private readonly session: Session,
    private readonly device: GPUDevice,
    private readonly memory: Memory,
  ) {}

  /**
   * @param inputs of a picture whose outputs are known: they tell the shapes
   * @param dimensions sizes by name that the plain session was opened with
   * @param provider that of the plain session
   * @throws whatever onnxruntime says against it
   */
  static async open(
    ort: OnnxWeb,
    model: Uint8Array,
    ports: { readonly inputs: readonly Port[]; readonly outputs: readonly Port[] },
    inputs: readonly NamedInput[],
    outputs: HostOutputs,
    dimensions: Readonly<Record<string, number>>,
    provider: Provider,
  ): Promise<CapturedSession> {
    const session = await ort.InferenceSession.create(model, {
      executionProviders: [provider],
      enableGraphCapture: true,
      preferredOutputLocation: 'gpu-buffer',
      freeDimensionOverrides: { ...dimensions, ...fixedDimensions(ports.inputs, inputs) },
      logSeverityLevel: 3,
    });
    try {
      const device = (await ort.env.webgpu.device) as unknown as GPUDevice;
      return new CapturedSession(session, device, reserve(ort, device, ports.outputs, inputs, outputs));
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  fits(inputs: readonly NamedInput[]): boolean {
    return inputs.every(({ name, shape }) => {
      const dims = this.memory.feeds[name]?.dims;
      return dims?.length === shape.length && dims.every((size, i) => size === shape[i]);
    });
  }

  async run(inputs: readonly NamedInput[]): Promise<HostOutputs> {
    const { device, memory } = this;
    for (const { name, array } of inputs) {
      const { buffer, byteOffset, byteLength } = array.data;
      device.queue.writeBuffer(memory.inputs.get(name)!, 0, buffer as ArrayBuffer, byteOffset, byteLength);
    }
    await this.session.run(memory.feeds, memory.fetches);
    const encoder = device.createCommandEncoder({ label: 'widget outputs' });
    for (const { buffer, offset, size } of memory.outputs) {
      encoder.copyBufferToBuffer(buffer, 0, memory.staging, offset, Math.ceil(size / 4) * 4);
    }
    device.queue.submit([encoder.finish()]);
    await memory.staging.mapAsync(usage.MAP_READ);
    const bytes = memory.staging.getMappedRange().slice(0);
    memory.staging.unmap();
    return Object.fromEntries(
      memory.outputs.map(({ name, dtype, shape, offset, size }) => {
        const length = size / bytesOf[dtype];
        const data =
          dtype === 'float32'
            ? new Float32Array(bytes, offset, length)
            : new Uint16Array(bytes, offset, length);
        return [name, { shape, data: asFloats(name, dtype, data) }];
      }),
    );
  }

  async dispose(): Promise<void> {
    const { inputs, outputs, staging } = this.memory;
    await this.session.release();
    for (const buffer of [...inputs.values(), ...outputs.map((output) => output.buffer), staging])
      buffer.destroy();
  }
}

/** Names of free dimensions, with the sizes that they have here. */
function fixedDimensions(ports: readonly Port[], inputs: readonly NamedInput[]): Record<string, number> {
  const sizes: Record<string, number> = {};
  for (const { name, shape } of ports) {
    const given = inputs.find((input) => input.name === name)?.shape;
    shape.forEach((dimension, i) => {
      if (typeof dimension === 'string' && dimension !== '' && given) sizes[dimension] = given[i]!;
    });
  }
  return sizes;
}

function reserve(
  ort: OnnxWeb,
  device: GPUDevice,
  ports: readonly Port[],
  inputs: readonly NamedInput[],
  outputs: HostOutputs,
): Memory {
  const everything = usage.STORAGE | usage.COPY_SRC | usage.COPY_DST;
  const make = (label: string, size: number, flags: number = everything): GPUBuffer =>
    device.createBuffer({ label: `widget ${label}`, size: aligned(size), usage: flags });
  const tensor = (buffer: GPUBuffer, dataType: string, dims: readonly number[]): Feeds[string] =>
    ort.Tensor.fromGpuBuffer(
      buffer as never,
      { dataType, dims } as Parameters<typeof ort.Tensor.fromGpuBuffer>[1],
    ) as Feeds[string];
  const inputBuffers = new Map(inputs.map(({ name, array }) => [name, make(name, array.data.byteLength)]));
  let offset = 0;
  const reserved = Object.entries(outputs).map(([name, { shape }]): Output => {
    const dtype = ports.find((port) => port.name === name)?.dtype === 'float16' ? 'float16' : 'float32';
    const size = shape.reduce((product, length) => product * length, bytesOf[dtype]);
    const output = { name, dtype, shape, buffer: make(name, size), size, offset } as const;
    offset += aligned(size);
    return output;
  });
  return {
    inputs: inputBuffers,
    outputs: reserved,
    staging: make('staging', offset, usage.MAP_READ | usage.COPY_DST),
    feeds: Object.fromEntries(
      inputs.map(({ name, shape, array }) => [name, tensor(inputBuffers.get(name)!, array.dtype, shape)]),
    ) as Feeds,
    fetches: Object.fromEntries(
      reserved.map(({ name, dtype, shape, buffer }) => [name, tensor(buffer, dtype, shape)]),
    ) as Feeds,
  };
}
