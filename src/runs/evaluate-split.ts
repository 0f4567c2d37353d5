/** One split evaluated: metrics as an event, predictions in a file, and what the report wants to know. */
import type { ClassMap, SplitName } from '../core/index.ts';
import type { Dataset } from '../data/index.ts';
import type { Device } from '../engine/index.ts';
import type { VisionModel } from '../models/index.ts';
import type { Task } from '../tasks/index.ts';
import {
  type BatchEvaluation,
  type BatchSource,
  type EvaluationResult,
  evaluate,
} from '../training/index.ts';
import { PredictionFile } from './predictions.ts';

export interface SplitRequest {
  readonly split: SplitName;
  readonly device: Device;
  readonly model: VisionModel;
  readonly task: Task<unknown>;
  readonly dataset: Dataset;
  readonly batches: BatchSource;
  /** The model's. */
  readonly classes: ClassMap;
  /** The results file to write; left out: none. */
  readonly predictionsFile?: string | undefined;
  /** False where the model lacks classes of the data: a loss would mean nothing. */
  readonly losses?: boolean | undefined;
  /** Kept from one evaluation to the next; left out: one for this split. */
  readonly step?: BatchEvaluation | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SplitEvaluation extends EvaluationResult<unknown> {
  /** The model's. */
  readonly classes: ClassMap;
  readonly split: SplitName;
  readonly dataset: Dataset;
  /** By position in the data set; images that could not be read are missing. */
  readonly predictions: ReadonlyMap<number, unknown>;
}

export async function evaluateSplit(request: SplitRequest): Promise<SplitEvaluation> {
  const { split, dataset, classes, predictionsFile } = request;
  const predictions = new Map<number, unknown>();
  const file = predictionsFile ? new PredictionFile(predictionsFile, dataset, classes) : undefined;
  const result = await evaluate({
    ...request,
    onPrediction: async ({ index, prediction }) => {
      predictions.set(index, prediction);
      await file?.add(index, prediction);
    },
  });
  await file?.finish();
  return { ...result, split, dataset, classes, predictions };
}
