/**
 * Whether a model can train here at all, asked of its shapes before a single weight is made or fetched: a model that
 * does not fit would otherwise keep a machine busy for minutes, and then end in the middle of something.
 *
 * Counted first is what every step needs, however small the batch: weights, their gradients, the optimiser's moments
 * and the average of the weights, in float32. Activations come on top (step-memory.ts); a step that is too large for
 * those is computed in smaller parts (recovery.ts), as long as one picture fits.
 */
import { files, mainMemory } from '#platform';
import type { Recipe } from '../config/index.ts';
import { type ClassMap, DeviceError, RunError } from '../core/index.ts';
import { asDeviceError, type Device } from '../engine/index.ts';
import type { BuiltModel, DownloadListener, VisionModel } from '../models/index.ts';
import { createAlgorithm, settingsOf } from '../training/index.ts';
import { prepareModel } from './prepare.ts';
import {
  type Ceiling,
  mebibytes,
  type Parting,
  requireStepMemory,
  type StepMemoryTarget,
} from './step-memory.ts';

/** Bytes. */
export interface TrainingBytes {
  readonly weights: number;
  readonly gradients: number;
  /** Of the optimiser, and the average of the weights. */
  readonly moments: number;
  readonly total: number;
  /** What one checkpoint takes. */
  readonly checkpoint: number;
  readonly largest: { readonly name: string; readonly shape: readonly number[]; readonly bytes: number };
}

/** @param model built and frozen as it will train; its values need not be there */
export function trainingBytes(model: Pick<VisionModel, 'tensors'>, recipe: Recipe): TrainingBytes {
  const { optimizer, average } = settingsOf(recipe);
  const slots = Object.keys(createAlgorithm(optimizer.name, optimizer.options).slots).length;
  let weights = 0;
  let gradients = 0;
  let largest: TrainingBytes['largest'] = { name: '', shape: [], bytes: 0 };
  for (const [name, { size, shape, requiresGrad }] of model.tensors()) {
    const bytes = 4 * size;
    weights += bytes;
    if (requiresGrad) gradients += bytes;
    if (bytes > largest.bytes) largest = { name, shape, bytes };
  }
  const moments = gradients * (slots + (average ? 1 : 0));
  return {
    weights,
    gradients,
    moments,
    total: weights + gradients + moments,
    checkpoint: weights + moments,
    largest,
  };
}

/** @throws DeviceError `model_too_large` */
export function requireMemory(bytes: TrainingBytes, device: Device): void {
  const { largest, total } = bytes;
  const binding = device.gpu?.memory.largestBinding;
  if (binding !== undefined && largest.bytes > binding) {
    throw tooLarge(
      `no tensor above ${mebibytes(binding)}, which is what ${device.description} binds at once`,
      `${largest.name} of shape [${largest.shape.join(', ')}], ${mebibytes(largest.bytes)}`,
      { fix: smallerTensor },
    );
  }
  const { limit, of } = ceilingOf(device);
  if (total <= limit) return;
  throw tooLarge(`at most ${mebibytes(limit)}, the memory of ${of}`, wordsOf(bytes));
}

/** @throws RunError `disk_full` when not even one checkpoint will find room in `folder`, where `free` bytes are left */
export function requireCheckpointRoom({ checkpoint }: TrainingBytes, folder: string, free: number): void {
  // Some file systems of networks tell nothing, or zero.
  if (free === 0 || checkpoint <= free) return;
  throw new RunError({
    code: 'disk_full',
    expected: `room for a checkpoint of this model in ${folder}, ${mebibytes(checkpoint)}`,
    received: `${mebibytes(free)} free`,
    fix: 'free some space, write elsewhere with --out, or choose a smaller model',
  });
}

/**
 * Makes the model of a recipe, if it can train on `device` and keep its checkpoints in `folder`.
 *
 * @throws DeviceError `model_too_large`
 * @throws RunError `disk_full`
 */
export async function prepareFittingModel(
  recipe: Recipe,
  classes: ClassMap,
  target: Omit<StepMemoryTarget, 'ceiling'> & {
    readonly folder: string;
    readonly onDownload?: DownloadListener | undefined;
  },
  signal?: AbortSignal,
): Promise<Awaited<ReturnType<typeof prepareModel>> & { readonly parting: Parting }> {
  const { device, folder, onDownload } = target;
  const free = await files.freeBytes(folder).catch(() => 0);
  let parting: Parting | undefined;
  try {
    const requireRoom = async (built: BuiltModel): Promise<void> => {
      const bytes = trainingBytes(built.model, recipe);
      requireMemory(bytes, device);
      requireCheckpointRoom(bytes, folder, free);
      parting = await requireStepMemory(recipe, built, { ...target, ceiling: ceilingOf(device) });
    };
    const prepared = await prepareModel(recipe, classes, signal, requireRoom, onDownload);
    return { ...prepared, parting: parting! };
  } catch (error) {
    const known = asDeviceError(error);
    if (!(known instanceof DeviceError) || known.code !== 'out_of_memory') throw error;
    // Batches in smaller parts would not help: there was none yet.
    throw tooLarge(`a model whose weights fit into the memory of ${device.description}`, known.received, {
      cause: known,
    });
  }
}

/** Of adapters nobody tells the memory; what computes on the processor has that of the machine. */
export function ceilingOf({ limits, software, description }: Device): Ceiling {
  const heap = limits.maxHeapBytes ?? Number.POSITIVE_INFINITY;
  const machine = (software ? mainMemory() : undefined) ?? Number.POSITIVE_INFINITY;
  return heap <= machine ? { limit: heap, of: description } : { limit: machine, of: 'this machine' };
}

function wordsOf({ weights, gradients, moments, total }: TrainingBytes): string {
  return `a model that takes ${mebibytes(total)} to train: ${mebibytes(weights)} of weights, ${mebibytes(gradients)} of gradients, ${mebibytes(moments)} of the optimiser`;
}

/** Position embeddings have a row for each patch of a picture. */
const smallerTensor =
  'choose a smaller model, use smaller images (model.image_size) where this tensor has a row for each of their patches, or train on a device that binds more at once';
const lessMemory =
  'choose a smaller model or smaller images (model.image_size), freeze a part of the model (model.freeze), use an optimiser with fewer moments (training.optimizer: sgd), or train on a device with more memory';

function tooLarge(
  expected: string,
  received: string,
  { fix = lessMemory, cause }: { readonly fix?: string; readonly cause?: unknown } = {},
): DeviceError {
  return new DeviceError({ code: 'model_too_large', expected, received, fix, cause });
}
