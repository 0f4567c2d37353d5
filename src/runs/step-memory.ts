/**
 * What a run of this recipe takes here with its activations, told before a weight is fetched: a step, and an evaluation.
 * Batches that certainly don't fit are computed in parts from the start; where not even one picture at a time would do,
 * the run is refused. What is not certain is tried, and parted when the device refuses it (recovery.ts).
 */
import { adaptProcessor, type Recipe } from '../config/index.ts';
import { DeviceError, type RunEventOf, type Size } from '../core/index.ts';
import { batchShapes, type Dataset, shapeNumbers } from '../data/index.ts';
import type { Device } from '../engine/index.ts';
import type { BuiltModel, ProcessorConfig } from '../models/index.ts';
import {
  type EstimatedBytes,
  type EstimateRequest,
  estimateBytes,
  nextSplit,
  partsOf,
  type StepBytes,
  settingsOf,
} from '../training/index.ts';
import { createProcessor } from '../vision/index.ts';
import { prepareTask } from './prepare.ts';

/** What a step and an evaluation take. */
export type StepMemory = NonNullable<RunEventOf<'model_ready'>['memory']>;

/** Memory that certainly can not be exceeded. */
export interface Ceiling {
  /** Bytes. */
  readonly limit: number;
  readonly of: string;
}

export interface StepMemoryTarget {
  readonly device: Device;
  readonly train: Dataset;
  /** Images of the largest split that is evaluated. */
  readonly evaluated: number;
  /** In how many parts each batch is computed at least. */
  readonly splits: number;
  /** How many images of an evaluation are computed at once at most. */
  readonly evaluationImages: number;
  readonly ceiling: Ceiling;
}

/** How a run goes about its batches, and what that takes. */
export interface Parting {
  /** Undefined where it can't be told, because the step can't be traced: then the step itself meets the cause, and tells. */
  readonly memory: StepMemory | undefined;
  /** Images of a batch. */
  readonly rows: number;
  /** In how many parts each batch is computed. */
  readonly splits: number;
  /** Images of a batch of an evaluation, and how many of them are computed at once. */
  readonly evaluationRows: number;
  readonly evaluationImages: number;
}

/** @throws DeviceError `model_too_large` */
export async function requireStepMemory(
  recipe: Recipe,
  built: BuiltModel,
  target: StepMemoryTarget,
): Promise<Parting> {
  const { device, train, ceiling } = target;
  const { request, shapes, usual } = requestOf(recipe, built, train, device);
  const rows = Math.min(recipe.data.batch_size, train.records.length);
  const evaluationRows = Math.min(recipe.data.batch_size, target.evaluated);
  let { splits } = target;
  let evaluationParts = partsOf(evaluationRows, target.evaluationImages);
  const parting = (memory?: StepMemory): Parting => {
    return { memory, rows, splits, evaluationRows, evaluationImages: evaluationRows / evaluationParts };
  };
  for (;;) {
    const images = rows / splits;
    const ofEvaluation = evaluationRows / evaluationParts;
    const parts = recipe.training.accumulate_grad_batches * splits;
    const asked = { ...request, limit: ceiling.limit, size: usual, rows: images, parts };
    const found = await attempt({ ...asked, evaluationRows: ofEvaluation });
    if (!found) return parting();
    const steps = fits(found.step, device, ceiling);
    // What steps leave counts for it: as long as that is too much, it says nothing.
    const evaluations = !steps || fits(found.evaluation, device, ceiling);
    if (steps && evaluations) {
      const { bytes, exact } = { bytes: found.step.total, exact: device.prepare !== undefined };
      const evaluation = { bytes: found.evaluation.total, images: ofEvaluation };
      return parting({ bytes, images, ...usual, exact, evaluation });
    }
    const more = steps ? splits : nextSplit(rows, splits);
    const moreEvaluation = evaluations ? evaluationParts : nextSplit(evaluationRows, evaluationParts);
    if (more === undefined || moreEvaluation === undefined) {
      // Pictures of another shape may fit one at a time: then it is tried.
      const least = {
        ...asked,
        size: shapes[0]!,
        rows: 1,
        parts: rows * recipe.training.accumulate_grad_batches,
      };
      await requireOneImage({ ...least, evaluationRows: 1 }, device, ceiling);
      return parting();
    }
    splits = more;
    evaluationParts = moreEvaluation;
  }
}

/**
 * The most images of a batch that certainly could not be refused: as far as is known of the device, which of graphics
 * cards is only what they bind at once. Undefined where it can't be told; `most` at most.
 */
export async function largestBatch(
  recipe: Recipe,
  built: BuiltModel,
  target: Pick<StepMemoryTarget, 'device' | 'train' | 'ceiling'>,
): Promise<number | undefined> {
  const { device, train, ceiling } = target;
  const { request, usual } = requestOf(recipe, built, train, device);
  const parts = recipe.training.accumulate_grad_batches;
  const binding = device.gpu?.memory.largestBinding ?? Number.POSITIVE_INFINITY;
  /** Above 1 it does not fit. */
  const loadOf = async (rows: number): Promise<number | undefined> => {
    const found = await attempt({ ...request, size: usual, rows, parts, evaluationRows: 0 });
    return found && Math.max(found.step.least / ceiling.limit, found.step.largest.bytes / binding);
  };
  return mostThatFits(loadOf, train.records.length);
}

/** The largest number up to `most` whose load is at most 1; loads grow about evenly. 0: none. */
export async function mostThatFits(
  loadOf: (rows: number) => Promise<number | undefined>,
  most: number,
): Promise<number | undefined> {
  let below = { rows: 0, load: 0 };
  let above: typeof below | undefined;
  let rows = 1;
  for (let tries = 0; below.rows < most; tries++) {
    const load = await loadOf(rows);
    if (load === undefined) return undefined;
    const [known, found] = [below, { rows, load }];
    if (load <= 1) below = found;
    else above = found;
    const limit = above ? above.rows - 1 : most;
    if (below.rows >= limit) break;
    const other = above ?? known;
    const slope = (other.load - below.load) / (other.rows - below.rows);
    const even = slope > 0 ? Math.floor(below.rows + (1 - below.load) / slope) : limit;
    // Where they don't grow evenly at all, halves come to an end sooner.
    const guess = tries < 6 ? even : Math.ceil((below.rows + limit) / 2);
    // A first guess from one point alone would leave out what does not grow.
    const furthest = below.rows <= 1 && !above ? 8 : limit;
    rows = Math.max(below.rows + 1, Math.min(guess, furthest, limit));
  }
  return below.rows;
}

function requestOf(recipe: Recipe, built: BuiltModel, train: Dataset, device: Device) {
  const processor = createProcessor(adaptProcessor(built.processorConfig, recipe).config as ProcessorConfig);
  const shapes = batchShapes(processor);
  const request = {
    model: built.model,
    task: prepareTask(recipe, built, train),
    settings: settingsOf(recipe),
    device,
  };
  return { request, shapes, usual: usualShape(shapes, shapeNumbers(train.records, shapes, processor)) };
}

async function attempt(request: EstimateRequest): Promise<EstimatedBytes | undefined> {
  try {
    return await estimateBytes(request);
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

async function requireOneImage(request: EstimateRequest, device: Device, ceiling: Ceiling): Promise<void> {
  const least = await attempt(request);
  if (!least) return;
  const { step, evaluation } = least;
  if (!fits(step, device, ceiling))
    throw tooLarge('a step', step, request.size, device, ceiling, await leaner(request, device, ceiling));
  if (!fits(evaluation, device, ceiling))
    throw tooLarge('an evaluation', evaluation, request.size, device, ceiling, undefined);
}

/** What it would take with activations computed again, where that is possible, not asked for yet, and enough. */
async function leaner(
  request: EstimateRequest,
  device: Device,
  ceiling: Ceiling,
): Promise<StepBytes | undefined> {
  const { settings } = request;
  if (!device.prepare || settings.checkpointActivations) return undefined;
  const again = { ...settings, checkpointActivations: true };
  const bytes = await attempt({ ...request, settings: again });
  return bytes && fits(bytes.step, device, ceiling) ? bytes.step : undefined;
}

function tooLarge(
  what: string,
  { least, largest }: StepBytes,
  { height, width }: Size,
  device: Device,
  { limit, of }: Ceiling,
  leaner: StepBytes | undefined,
): DeviceError {
  const one = `${what} of one image of ${height} × ${width}`;
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
