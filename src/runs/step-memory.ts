/**
 * What a step of this recipe takes here with its activations, told before a weight is fetched; and a refusal where not
 * even one picture at a time would do. Batches that are only too large are none of it: they are computed in smaller
 * parts (recovery.ts).
 */
import { adaptProcessor, type Recipe } from '../config/index.ts';
import { DeviceError, type Size } from '../core/index.ts';
import { batchShapes, type Dataset, shapeNumbers } from '../data/index.ts';
import type { Device } from '../engine/index.ts';
import type { BuiltModel, ProcessorConfig } from '../models/index.ts';
import { type EstimateRequest, estimateStep, type StepBytes, settingsOf } from '../training/index.ts';
import { createProcessor } from '../vision/index.ts';
import { prepareTask } from './prepare.ts';

/** What a step takes. */
export interface StepMemory extends Size {
  readonly bytes: number;
  /** How many images are computed at once, of this height and width. */
  readonly images: number;
  /** Whether it is known to the byte, as of compiled steps; else kernels need some more. */
  readonly exact: boolean;
}

/** Memory that certainly can not be exceeded. */
export interface Ceiling {
  /** Bytes. */
  readonly limit: number;
  readonly of: string;
}

export interface StepMemoryTarget {
  readonly device: Device;
  readonly train: Dataset;
  /** In how many parts each batch is computed. */
  readonly splits: number;
  readonly ceiling: Ceiling;
}

/**
 * Undefined where it can't be told, because the step can't be traced: then the step itself meets the cause, and tells.
 *
 * @throws DeviceError `model_too_large`
 */
export async function requireStepMemory(
  recipe: Recipe,
  built: BuiltModel,
  { device, train, splits, ceiling }: StepMemoryTarget,
): Promise<StepMemory | undefined> {
  const processor = createProcessor(adaptProcessor(built.processorConfig, recipe).config as ProcessorConfig);
  const shapes = batchShapes(processor);
  const images = Math.min(recipe.data.batch_size, train.records.length) / splits;
  const parts = recipe.training.accumulate_grad_batches * splits;
  const usual = usualShape(shapes, shapeNumbers(train.records, shapes, processor));
  const request = {
    model: built.model,
    task: prepareTask(recipe, built, train),
    settings: settingsOf(recipe),
    device,
    limit: ceiling.limit,
  };
  const whole = await attempt({ ...request, size: usual, rows: images, parts });
  if (!whole) return undefined;
  if (!fits(whole, device, ceiling)) {
    const size = shapes[0]!;
    const least = await attempt({ ...request, size, rows: 1, parts: images * parts });
    if (least && !fits(least, device, ceiling))
      throw tooLarge(least, size, device, ceiling, await leaner(request, size, images * parts, ceiling));
  }
  const exact = device.prepare !== undefined && fits(whole, device, ceiling);
  return { bytes: whole.total, images, ...usual, exact };
}

async function attempt(request: EstimateRequest): Promise<StepBytes | undefined> {
  try {
    return await estimateStep(request);
  } catch {
    return undefined;
  }
}

const fits = ({ least, largest }: StepBytes, { gpu }: Device, { limit }: Ceiling): boolean =>
  least <= limit && largest.bytes <= (gpu?.memory.largestBinding ?? Number.POSITIVE_INFINITY);

/** The shape that most pictures have. */
function usualShape(shapes: readonly Size[], numbers: Uint8Array): Size {
  const counts = shapes.map((_, number) => numbers.filter((its) => its === number).length);
  return shapes[counts.indexOf(Math.max(...counts))]!;
}

/** What it would take with activations computed again, where that is possible, not asked for yet, and enough. */
async function leaner(
  request: Pick<EstimateRequest, 'model' | 'task' | 'settings'> & { readonly device: Device },
  size: Size,
  parts: number,
  ceiling: Ceiling,
): Promise<StepBytes | undefined> {
  const { settings, device } = request;
  if (!device.prepare || settings.checkpointActivations) return undefined;
  const again = { ...settings, checkpointActivations: true };
  const bytes = await attempt({ ...request, settings: again, size, rows: 1, parts });
  return bytes && fits(bytes, device, ceiling) ? bytes : undefined;
}

function tooLarge(
  { least, largest }: StepBytes,
  { height, width }: Size,
  device: Device,
  { limit, of }: Ceiling,
  leaner: StepBytes | undefined,
): DeviceError {
  const one = `a step of one image of ${height} × ${width}`;
  const [expected, received] =
    least > limit
      ? [`at most ${mebibytes(limit)}, the memory of ${of}`, `${one} that takes at least ${mebibytes(least)}`]
      : [
          `no value above ${mebibytes(device.gpu!.memory.largestBinding)}, which is what ${device.description} binds at once`,
          `${one} with ${largest.what} of ${mebibytes(largest.bytes)}`,
        ];
  const recompute = leaner
    ? `recompute activations (training.checkpoint_activations: true takes ${mebibytes(leaner.least)}), `
    : '';
  return new DeviceError({
    code: 'model_too_large',
    expected,
    received,
    fix: `${recompute}use smaller images (model.image_size), choose a smaller model, or train on a device with more memory`,
  });
}

export const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20).toLocaleString('en')} MiB`;
