/**
 * The forward pass by onnxruntime-web. A model is opened plainly, so that the first answer comes soon; on WebGPU, where
 * all pictures become equally large, it is recorded afterwards (captured-session.ts), and the recording takes over if it
 * gives the same numbers.
 */
import { CheckpointError, ConfigError, DeviceError, type Size } from '../../core/index.ts';
import { type OnnxWeb, sharedThreads } from '../../platform/browser/index.ts';
import type { HostOutputs } from '../../tasks/decoding/index.ts';
import type { ProcessedBatch } from '../../vision/index.ts';
import { CapturedSession } from './captured-session.ts';
import { layoutOf } from './layout.ts';
import { watchDevice } from './lost-device.ts';
import {
  feedsOf,
  floatsOf,
  inputsOf,
  isKnown,
  type NamedInput,
  type Port,
  type Provider,
  portsOf,
  type Session,
} from './outputs.ts';
import { isOwnOrigin, loadRuntime, runtimeAddress } from './parts.ts';
import { mayStartThreads } from './runtime-files.ts';
import type { Weights } from './weights.ts';

export type WidgetDevice = 'webgpu' | 'wasm';

/** A recorded model is in memory twice. */
const largestCaptured = 100e6;
/** How far apart the numbers of a recording and of a plain run may be, relative to the largest. */
const captureTolerance = 1e-4;

/** onnxruntime with our settings; they count from its first session on. */
export async function prepareOnnx(device: WidgetDevice): Promise<OnnxWeb> {
  const ort = await loadRuntime(device);
  ort.env.logLevel = 'error';
  // A thread's file is that of onnxruntime: a worker from another origin may not start it.
  ort.env.wasm.numThreads = isOwnOrigin() && mayStartThreads() ? sharedThreads() : 1;
  const wasm = await runtimeAddress(ort, device);
  if (wasm !== undefined) ort.env.wasm.wasmPaths = { wasm };
  return ort;
}

/** By the names that exporters give; those that a file does not have are left alone. One picture at a time. */
export const dimensionsOf = ({ height, width }: Size): Record<string, number> => ({
  ...{ batch: 1, batch_size: 1, height, width },
});

/** How onnxruntime computes this model. */
function providerOf(device: WidgetDevice, model: Uint8Array): Provider {
  const preferredLayout = device === 'webgpu' ? layoutOf(model) : undefined;
  return preferredLayout ? { name: device, preferredLayout } : device;
}

/** @param size of all pictures, where they have one: onnxruntime then works out beforehand what depends on it alone */
export async function openRuntime(
  { bytes, external }: Pick<Weights, 'bytes' | 'external'>,
  device: WidgetDevice,
  size?: Size,
): Promise<OnnxRuntime> {
  const ort = await prepareOnnx(device);
  try {
    // There is a device by now: a runtime that was warmed up has one.
    const watch = device === 'webgpu' ? await watchDevice(ort) : undefined;
    const opening = ort.InferenceSession.create(bytes, {
      executionProviders: [providerOf(device, bytes)],
      ...(external.length > 0 ? { externalData: external } : {}),
      ...(size ? { freeDimensionOverrides: dimensionsOf(size) } : {}),
      logSeverityLevel: 3,
    });
    const session = await (watch ? Promise.race([opening, watch.lost]) : opening);
    const runtime = new OnnxRuntime(ort, session, device, bytes, watch?.lost);
    if (external.length > 0) runtime.forgetModel('its weights lie in several files');
    return runtime;
  } catch (cause) {
    throw explain(cause, device);
  }
}

/** onnxruntime 1.31 aborts in a replay once any other session was released: recordings go before one is. */
const recorded = new Set<OnnxRuntime>();

async function release(session: { release(): Promise<void> } | undefined): Promise<void> {
  for (const runtime of recorded) await runtime.dropRecording('another model was closed');
  await session?.release();
}

export class OnnxRuntime {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  private captured: CapturedSession | undefined;
  /** What became of the recording, for people. */
  capture = 'not tried';
  private last: { readonly inputs: readonly NamedInput[]; readonly outputs: HostOutputs } | undefined;

  constructor(
    private readonly ort: OnnxWeb,
    private session: Session | undefined,
    readonly device: WidgetDevice,
    /** Kept until it was recorded. */
    private model: Uint8Array | undefined,
    /** Rejects when the device is gone. */
    readonly lost?: Promise<never>,
  ) {
    this.inputs = portsOf(session!.inputMetadata);
    this.outputs = portsOf(session!.outputMetadata);
  }

  get description(): string {
    const threads = this.ort.env.wasm.numThreads ?? 1;
    const many = this.device === 'wasm' && threads > 1 ? `, ${threads} threads` : '';
    return `onnxruntime on ${this.device}${many}${this.captured ? ', recorded' : ''}`;
  }

  get isCaptured(): boolean {
    return this.captured !== undefined;
  }

  knows(wanted: readonly string[]): boolean {
    return isKnown(this.inputs, this.outputs, wanted);
  }

  /** The outputs of these names; others of the file are not computed where onnxruntime can leave them out. */
  async run(batch: ProcessedBatch, wanted: readonly string[]): Promise<HostOutputs> {
    const inputs = inputsOf(batch, this.inputs);
    try {
      const replayed = await this.replay(inputs);
      if (replayed) return replayed;
      const outputs = await this.runPlainly(inputs, wanted);
      if (this.model) this.last = { inputs, outputs };
      return outputs;
    } catch (cause) {
      throw explain(cause, this.device);
    }
  }

  /** A recording that was right before may still break: from then on runs are plain. After a trap nothing runs. */
  private async replay(inputs: readonly NamedInput[]): Promise<HostOutputs | undefined> {
    if (!this.captured?.fits(inputs)) return undefined;
    try {
      return await this.captured.run(inputs);
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) throw error;
      await this.dropRecording(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /**
   * Records the run of the last picture, and takes the recording from now on if a replay of it, and one of another
   * picture, give the same numbers. Never throws: `capture` says why it came to nothing.
   */
  async record(wanted: readonly string[], size: Size): Promise<void> {
    const { model, last } = this;
    this.model = undefined;
    this.last = undefined;
    if (!model || !last || this.device !== 'webgpu') return;
    if (model.length > largestCaptured) {
      this.capture = 'left out: the model is large';
      return;
    }
    let recording: CapturedSession | undefined;
    try {
      const { inputs, outputs } = last;
      const provider = providerOf(this.device, model);
      recording = await CapturedSession.open(
        this.ort,
        model,
        this,
        inputs,
        outputs,
        dimensionsOf(size),
        provider,
      );
      const other = last.inputs.map(mirrored);
      const expected = await this.runPlainly(other, wanted);
      await recording.run(last.inputs);
      const difference = Math.max(
        largestDifference(await recording.run(other), expected),
        largestDifference(await recording.run(last.inputs), last.outputs),
      );
      if (!(difference <= captureTolerance)) throw new Error(`its numbers differ by ${difference}`);
      this.captured = recording;
      recorded.add(this);
      this.capture = `used: its numbers differ by ${difference.toExponential(1)} at most`;
    } catch (error) {
      this.capture = `not used: ${error instanceof Error ? error.message : String(error)}`;
      if (recording && recording !== this.captured) {
        await release({ release: () => recording!.dispose() }).catch(() => undefined);
      }
    }
  }

  /** No recording is wanted: its memory can go. */
  forgetModel(reason: string): void {
    if (this.model) this.capture = `left out: ${reason}`;
    this.model = undefined;
    this.last = undefined;
  }

  async dispose(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    await release(session);
  }

  async dropRecording(reason: string): Promise<void> {
    const { captured } = this;
    this.captured = undefined;
    recorded.delete(this);
    this.capture = `not used any more: ${reason}`;
    await captured?.dispose();
  }

  private async runPlainly(inputs: readonly NamedInput[], wanted: readonly string[]): Promise<HostOutputs> {
    const { session } = this;
    if (!session) throw new Error('this model was disposed of');
    const outputs = await session.run(feedsOf(this.ort, inputs), [...wanted]);
    const host: Record<string, HostOutputs[string]> = {};
    for (const name of wanted) host[name] = await floatsOf(name, outputs[name]!);
    for (const tensor of Object.values(outputs)) tensor.dispose();
    return host;
  }
}

/** Another picture: the same numbers from the end; a mask stays. */
function mirrored(input: NamedInput): NamedInput {
  const { array } = input;
  if (array.dtype === 'float32') return { ...input, array: { ...array, data: array.data.toReversed() } };
  if (array.dtype === 'float16') return { ...input, array: { ...array, data: array.data.toReversed() } };
  return input;
}

/** Relative to the largest number, or to 1. NaN where shapes or numbers don't compare. */
export function largestDifference(a: HostOutputs, b: HostOutputs): number {
  let largest = 0;
  for (const [name, { data }] of Object.entries(b)) {
    const other = a[name]?.data;
    if (other?.length !== data.length) return Number.NaN;
    let scale = 1;
    let difference = 0;
    for (let i = 0; i < data.length; i++) {
      scale = Math.max(scale, Math.abs(data[i]!));
      difference = Math.max(difference, Math.abs(data[i]! - other[i]!));
    }
    largest = Math.max(largest, difference / scale);
  }
  return largest;
}

function explain(cause: unknown, device: WidgetDevice): Error {
  if (cause instanceof CheckpointError || cause instanceof DeviceError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/Content Security|unsafe-eval/i.test(message)) {
    return new ConfigError({
      code: 'runtime_refused',
      expected: "a Content-Security-Policy that lets the widget's worker start WebAssembly",
      received: message.slice(0, 300),
      fix: "write 'wasm-unsafe-eval' into script-src, of the page and of what the worker's file comes with",
      cause,
    });
  }
  if (/memory|OrtRun.*allocat|bad_alloc|Array buffer allocation|RangeError/i.test(message)) {
    return new DeviceError({
      code: 'model_memory',
      expected: `a model that fits into the memory of this device (${device})`,
      received: message.slice(0, 300),
      fix: 'choose a smaller model or its fp16 file (dtype="fp16"), close other tabs, or use another device',
      cause,
    });
  }
  // A trap leaves nothing of the runtime that could go on.
  if (cause instanceof WebAssembly.RuntimeError) {
    return new DeviceError({
      code: 'device_lost',
      expected: 'onnxruntime to go on',
      received: `a trap in it: ${message.slice(0, 200)}`,
      fix: 'try again, with device="wasm" if it happens again',
      cause,
    });
  }
  if (device === 'webgpu' && /device.*lost|lost.*device|adapter|webgpu|dawn|GPUDevice/i.test(message)) {
    return new DeviceError({
      // After a validation error every run fails: only a new device helps.
      code: /lost|validation/i.test(message) ? 'device_lost' : 'no_adapter',
      expected: "a WebGPU device that onnxruntime's WebGPU provider can use",
      received: message.slice(0, 300),
      fix: 'reload the page, or set device="wasm"',
      cause,
    });
  }
  return new CheckpointError({
    code: 'onnx_unreadable',
    expected: 'an ONNX model that onnxruntime can run',
    received: message.slice(0, 300),
    fix: 'export the model again with ocelli export',
    cause,
  });
}
