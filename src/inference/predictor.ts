/**
 * A trained model that answers: pictures in, predictions out. It reads the folder that an export writes (or any
 * Hugging Face folder of a known family): the same processor and the same decoding as in training, class names
 * from `id2label`, and the ONNX file by onnxruntime where there is one, else our own forward pass.
 */
import {
  CheckpointError,
  type ClassMap,
  DeviceError,
  type Raster,
  type Size,
  type TaskName,
} from '../core/index.ts';
import { type Device, type DeviceChoice, lookForGpu } from '../engine/index.ts';
import {
  classesOf,
  type DownloadListener,
  families,
  type HfConfig,
  type LoadedModel,
  ModelFiles,
  pinModel,
  taskOf,
} from '../models/index.ts';
import { createTask, requireFiniteOutputs, type Task } from '../tasks/index.ts';
import { createProcessor, type ImageProcessor } from '../vision/index.ts';
import { loadedRuntime, openEngineRuntime } from './engine-runtime.ts';
import { openOnnxRuntime } from './onnx-runtime.ts';
import type { OnWarning, Prediction, Predictor, Runtime } from './types.ts';

export interface PredictorOptions {
  /**
   * `auto`: onnxruntime's WebGPU provider where there is a GPU, else the CPU; without an ONNX file what
   * `openDevice('auto')` takes.
   */
  readonly device?: DeviceChoice;
  /**
   * Which ONNX file (fp32, or fp16 where that is the only one); with the engine `ocelli` the precision of the forward
   * pass (fp32), where fp16 needs WebGPU with shader-f16.
   */
  readonly dtype?: 'fp32' | 'fp16';
  /** `onnx` and `ocelli` force what computes (`auto`: the ONNX file where there is one). */
  readonly engine?: 'auto' | 'onnx' | 'ocelli';
  /** How many pictures at once, at most (8). */
  readonly batchSize?: number;
  /** Detections with a score above this are returned (0.5). */
  readonly threshold?: number;
  readonly signal?: AbortSignal;
  /** Told while a model of the hub or of a registry is fetched. */
  readonly onDownload?: DownloadListener;
  /** Told what there is to know beside the predictions, as a run tells its warnings. */
  readonly onWarning?: OnWarning;
}

export async function createPredictor(model: string, options: PredictorOptions = {}): Promise<Predictor> {
  const { batchSize = 8, threshold = 0.5, signal, onDownload } = options;
  const place = await pinModel(model, { signal });
  const files = await ModelFiles.find(place, { signal, onProgress: onDownload });
  const config = (await files.json('config.json')) as HfConfig;
  const family = families().find((candidate) => candidate.modelType === config.model_type);
  const name = family ? taskOf(family, config) : taskOfArchitecture(config, place);
  const classes = classesOf(config);
  const multiLabel = config.problem_type === 'multi_label_classification';
  const task = createTask(name, { classes, config, multiLabel });
  const processorConfig = (await files.has('preprocessor_config.json'))
    ? await files.json('preprocessor_config.json')
    : family?.defaultProcessor(config);
  if (!processorConfig) throw missing(place, 'preprocessor_config.json');
  return assemble(await openRuntime(place, files, options), task, createProcessor(processorConfig), classes, {
    batchSize,
    threshold,
    signal,
  });
}

/**
 * A predictor of a model that is loaded already, as in the middle of a run: it computes on the device that is
 * open, with the weights that the model has at that time. Disposing of it leaves model and device alone.
 */
export function predictorOf(
  device: Device,
  loaded: LoadedModel,
  {
    batchSize = 8,
    threshold = 0.5,
    signal,
    onWarning,
    dtype = 'fp32',
  }: Omit<PredictorOptions, 'device' | 'engine'> = {},
): Predictor {
  const { classes, config, processorConfig } = loaded;
  const multiLabel = config.problem_type === 'multi_label_classification';
  const task = createTask(taskOf(loaded.family, config), { classes, config, multiLabel });
  const runtime = loadedRuntime(device, loaded, { precision: dtype, onWarning });
  return assemble(runtime, task, createProcessor(processorConfig), classes, { batchSize, threshold, signal });
}

function assemble(
  runtime: Runtime,
  task: Task<unknown>,
  processor: ImageProcessor,
  classes: ClassMap,
  {
    batchSize,
    threshold,
    signal,
  }: Required<Pick<Predictor, 'batchSize' | 'threshold'>> & {
    readonly signal: AbortSignal | undefined;
  },
): Predictor {
  const dispose = (): Promise<void> => runtime.dispose();
  return {
    task: task.name,
    classes,
    runtime: runtime.description,
    batchSize,
    threshold,
    async predict(images, { threshold: above = threshold } = {}) {
      const values = new Array<unknown>(images.length);
      for (const group of equalSizes(images, processor, batchSize)) {
        signal?.throwIfAborted();
        const batch = processor.collate(group.map((i) => processor.preprocess(images[i]!)));
        const outputs = await runtime.run(batch);
        requireFiniteOutputs(outputs, group.length);
        const decoded = task.decode(outputs, batch.originalSizes, { threshold: above });
        for (const [k, i] of group.entries()) values[i] = decoded[k];
      }
      return values.map((value) => ({ task: task.name, value }) as Prediction);
    },
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}

/** Positions of pictures that become equally large, in groups of at most `limit`. */
function equalSizes(images: readonly Raster[], processor: ImageProcessor, limit: number): number[][] {
  const groups = new Map<string, number[][]>();
  for (const [i, image] of images.entries()) {
    const { height, width }: Size = processor.outputSize(image);
    const key = `${height} × ${width}`;
    const same = groups.get(key) ?? [];
    const last = same.at(-1);
    if (last && last.length < limit) last.push(i);
    else same.push([i]);
    groups.set(key, same);
  }
  return [...groups.values()].flat();
}

async function openRuntime(place: string, files: ModelFiles, options: PredictorOptions): Promise<Runtime> {
  const { device = 'auto', engine = 'auto', dtype = 'fp32', signal, onWarning, onDownload } = options;
  const own = { signal, onWarning, onDownload };
  if (engine === 'ocelli') return openEngineRuntime(place, device, { ...own, precision: dtype });
  const path = await onnxFile(files, options.dtype);
  if (path === undefined) {
    if (engine === 'onnx' || options.dtype === 'fp16') throw missing(place, 'an ONNX file in onnx/');
    return openEngineRuntime(place, device, own);
  }
  const model = await files.open(path).read(undefined, signal);
  if (device !== 'auto') return openOnnxRuntime(model, device);
  if (!(await lookForGpu()).hardware) return openOnnxRuntime(model, 'cpu');
  // A GPU that onnxruntime can't use (its native package is optional) is none for `auto`.
  return openOnnxRuntime(model, 'webgpu').catch((error: unknown) => {
    if (error instanceof DeviceError) return openOnnxRuntime(model, 'cpu');
    throw error;
  });
}

async function onnxFile(files: ModelFiles, dtype: 'fp32' | 'fp16' | undefined): Promise<string | undefined> {
  const candidates = [
    ...(dtype === 'fp16' ? [] : ['onnx/model.onnx', 'model.onnx']),
    ...(dtype === 'fp32' ? [] : ['onnx/model_fp16.onnx']),
  ];
  for (const path of candidates) if (await files.has(path)) return path;
  return undefined;
}

/** Families that only an ONNX file knows: the class's name says the task. */
function taskOfArchitecture(config: HfConfig, place: string): TaskName {
  const [architecture = ''] = Array.isArray(config.architectures) ? (config.architectures as string[]) : [];
  if (architecture.endsWith('ForImageClassification')) return 'classification';
  if (architecture.endsWith('ForObjectDetection')) return 'detection';
  throw new CheckpointError({
    code: 'unknown_model_type',
    expected: `a config.json of a known family, or of a class …ForImageClassification or …ForObjectDetection`,
    received: `model_type=${config.model_type}, architectures=${architecture || 'none'} in ${place}`,
    fix: 'choose another model',
  });
}

function missing(place: string, what: string): CheckpointError {
  return new CheckpointError({
    code: 'model_file_missing',
    expected: `${what} in ${place}`,
    received: 'no such file',
    fix: 'export the model again with ocelli export --format onnx',
  });
}
