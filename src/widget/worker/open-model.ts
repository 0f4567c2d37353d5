/**
 * From a model's place to a model that answers: our own path where it knows task, processor and inputs, transformers.js
 * for the rest.
 */
import { CheckpointError, DeviceError, type Size } from '../../core/index.ts';
import { openGpu } from '../../platform/browser/index.ts';
import { createProcessor, type ImageProcessor } from '../../vision/index.ts';
import type { OpenRequest, Progress } from '../protocol.ts';
import { WidgetFiles } from './files.ts';
import { watchDevice } from './lost-device.ts';
import { type OnnxRuntime, openRuntime, prepareOnnx, type WidgetDevice } from './onnx-runtime.ts';
import type { Port } from './outputs.ts';
import { OwnModel, oneSize, outputNames } from './own-model.ts';
import { loadPipelines } from './parts.ts';
import { withProcessorType } from './processor-type.ts';
import { chooseTask } from './tasks.ts';
import { warmUp } from './warm-up.ts';
import { findWeights, requireWeights, type Weights } from './weights.ts';
import type { WidgetModel } from './widget-model.ts';

export interface OpenOptions {
  readonly onProgress: (progress: Progress) => void;
  /** Ends what is being fetched. */
  readonly signal: AbortSignal;
  /**
   * onnxruntime does one thing at a time, for all models of a page. What is fetched does not wait for it, nor it for that:
   * a model that comes slowly holds up no other.
   */
  inTurn<Result>(work: () => Promise<Result>): Promise<Result>;
}

export async function openModel(request: OpenRequest, options: OpenOptions): Promise<WidgetModel> {
  const { onProgress, signal, inTurn } = options;
  const device = await chooseDevice(request.device);
  void inTurn(() => warmUp(device));
  const files = new WidgetFiles(request.place, { maxBytes: request.maxBytes, onProgress, signal });
  const config = await files.requiredJson('config.json');
  const { task, own } = chooseTask(config, request.task, files.name);
  if (own) {
    const written = await files.requiredJson('preprocessor_config.json');
    const processorConfig = withProcessorType(written, config.model_type);
    const model = await openOwn(files, config, processorConfig, task as OwnModel['task'], device, {
      ...options,
      request,
    });
    if (model) return model;
  }
  // The library would ask for them in its turn. What else it asks for is small, or there are two and it finds them.
  const weights = await findWeights(files, request.dtype);
  onProgress({ phase: 'runtime' });
  return inTurn(async () => {
    signal.throwIfAborted();
    await warmUp(device);
    // Where transformers.js looks for a runtime that is there already: one for all models of the page.
    const ort = await prepareOnnx(device);
    Object.assign(globalThis, { [Symbol.for('onnxruntime')]: ort });
    const { openPipeline } = await loadPipelines();
    const model = await openPipeline(files, task, device, request, weights);
    const watch = device === 'webgpu' ? await watchDevice(ort) : undefined;
    return watch ? { ...model, lost: watch.lost } : model;
  });
}

/** Undefined: it is not for us. */
async function openOwn(
  files: WidgetFiles,
  config: Readonly<Record<string, unknown>>,
  processorConfig: Readonly<Record<string, unknown>>,
  task: OwnModel['task'],
  device: WidgetDevice,
  { request, onProgress, signal, inTurn }: OpenOptions & { readonly request: OpenRequest },
): Promise<OwnModel | undefined> {
  const processor = knownProcessor(processorConfig);
  if (!processor) return undefined;
  const weights = await requireWeights(files, request.dtype);
  onProgress({ phase: 'runtime' });
  return inTurn(async () => {
    signal.throwIfAborted();
    const runtime = await openOn(weights, device, oneSize(processor), request.device === 'auto');
    if (runtime.knows(outputNames[task]))
      return new OwnModel(config, processor, task, runtime, request.record);
    await runtime.dispose();
    requireOutputs(runtime.outputs, outputNames[task], files.name);
    return undefined;
  });
}

/** Pipelines of these tasks read the same outputs: a file without them is another model's. */
function requireOutputs(ports: readonly Port[], wanted: readonly string[], where: string): void {
  const names = ports.map(({ name }) => name);
  if (wanted.every((name) => names.includes(name))) return;
  throw new CheckpointError({
    code: 'onnx_outputs_unknown',
    expected: `the outputs ${wanted.join(' and ')} in the ONNX file of ${where}`,
    received: names.join(', '),
    fix: 'check that config.json and the ONNX file belong to the same model, or export it again with ocelli export',
  });
}

async function openOn(
  weights: Weights,
  device: WidgetDevice,
  size: Size | undefined,
  mayFallBack: boolean,
): Promise<OnnxRuntime> {
  await warmUp(device);
  try {
    return await openRuntime(weights, device, size);
  } catch (error) {
    if (device === 'wasm' || !mayFallBack || !(error instanceof DeviceError)) throw error;
    // A device that was lost may come back: whoever asked decides.
    if (error.code === 'device_lost') throw error;
    return openRuntime(weights, 'wasm', size);
  }
}

/** A software adapter is slower than WebAssembly: `auto` leaves it alone. */
async function chooseDevice(asked: OpenRequest['device']): Promise<WidgetDevice> {
  if (asked === 'wasm') return 'wasm';
  const found = await openGpu();
  const adapter = 'access' in found ? await found.access.gpu.requestAdapter().catch(() => null) : null;
  if (asked === 'auto') return adapter && !adapter.info.isFallbackAdapter ? 'webgpu' : 'wasm';
  if (adapter) return 'webgpu';
  throw new DeviceError({
    code: 'no_adapter',
    expected: 'a WebGPU adapter, because device="webgpu" asks for it',
    received: 'missing' in found ? found.missing : 'the browser finds no adapter',
    fix: 'leave the attribute device out: WebAssembly takes its place',
  });
}

/** Undefined where we don't know its kind. */
function knownProcessor(config: Readonly<Record<string, unknown>>): ImageProcessor | undefined {
  try {
    return createProcessor(config);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'unknown_image_processor')
      return undefined;
    throw error;
  }
}
