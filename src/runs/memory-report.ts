/**
 * What training a recipe takes of a device's memory, whether that fits, and the largest batch that does: the numbers with
 * which a run begins (step-memory.ts), asked for beforehand. No weight is fetched or made for it.
 */
import type { Recipe } from '../config/index.ts';
import type { Size } from '../core/index.ts';
import { type DeviceChoice, openDevice } from '../engine/index.ts';
import type { BuiltModel, DownloadListener } from '../models/index.ts';
import { ceilingOf, requireMemory, trainingBytes } from './memory.ts';
import { pinRecipe } from './model-version.ts';
import { requirePrecision } from './precision.ts';
import { prepareData, prepareModel } from './prepare.ts';
import { largestBatch, requireStepMemory } from './step-memory.ts';

export interface MemoryRequest {
  readonly recipe: Recipe;
  /** auto */
  readonly device?: DeviceChoice | undefined;
  /** Told while the model's description is fetched. */
  readonly onDownload?: DownloadListener | undefined;
}

/** Bytes. */
export interface MemoryReport {
  /** For people. */
  readonly device: string;
  readonly weights: number;
  readonly gradients: number;
  /** Of the optimiser, and the average of the weights. */
  readonly moments: number;
  /** All that is there in a step, and how many images are computed at once; undefined where it can't be told. */
  readonly step: (Size & { readonly bytes: number; readonly images: number }) | undefined;
  /** The same of an evaluation. */
  readonly evaluation: { readonly bytes: number; readonly images: number } | undefined;
  /** Planned to the byte; else kernels need some more. */
  readonly exact: boolean;
  /** Images of a batch, and in how many parts it is computed because it would not fit as a whole. */
  readonly batch: number;
  readonly parts: number;
  /** What can not be exceeded; undefined where nobody tells, as of graphics cards. */
  readonly limit: { readonly bytes: number; readonly of: string } | undefined;
  /** What a kernel binds at once; undefined without a GPU. */
  readonly binding: number | undefined;
  /** Images that fit at once as far as these limits tell, up to all of the data. */
  readonly largestBatch: number | undefined;
  /** Of the training split. */
  readonly images: number;
}

/** @throws DeviceError `model_too_large` where not one image fits */
export async function estimateMemory(request: MemoryRequest, signal?: AbortSignal): Promise<MemoryReport> {
  const { recipe } = await pinRecipe(request.recipe, signal);
  const device = await openDevice(request.device ?? 'auto');
  try {
    requirePrecision(recipe, device);
    const { splits, classes } = await prepareData(recipe, signal);
    const { train, val, test } = splits;
    const told: MemoryReport[] = [];
    const enough = new Error('the model need not be loaded');
    const tell = async (built: BuiltModel): Promise<never> => {
      const { weights, gradients, moments, ...rest } = trainingBytes(built.model, recipe);
      requireMemory({ weights, gradients, moments, ...rest }, device);
      const ceiling = ceilingOf(device);
      const {
        memory,
        rows,
        splits: parts,
      } = await requireStepMemory(recipe, built, {
        device,
        train,
        evaluated: Math.max(val.records.length, test?.records.length ?? 0),
        splits: 1,
        evaluationImages: Number.POSITIVE_INFINITY,
        ceiling,
      });
      const { limit, of } = ceiling;
      const { evaluation, exact = false, ...step } = memory ?? {};
      told.push({
        device: device.description,
        weights,
        gradients,
        moments,
        step: memory && (step as MemoryReport['step']),
        evaluation,
        exact,
        batch: rows,
        parts,
        limit: Number.isFinite(limit) ? { bytes: limit, of } : undefined,
        binding: device.gpu?.memory.largestBinding,
        largestBatch: memory && (await largestBatch(recipe, built, { device, train, ceiling })),
        images: train.records.length,
      });
      throw enough;
    };
    try {
      await prepareModel(recipe, classes, signal, tell, request.onDownload);
    } catch (error) {
      if (error !== enough) throw error;
    }
    return told[0]!;
  } finally {
    await device.dispose();
  }
}
