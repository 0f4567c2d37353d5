/**
 * What training needs of its neighbours, as interfaces: `runs/` puts the real things in. The loop knows no
 * files, no network and no recipe text.
 */
import type { Metrics, SplitName } from '../core/index.ts';
import type { Batch, Dataset } from '../data/index.ts';
import type { PrepareProgram, TuningChoices, tf } from '../engine/index.ts';
import type { ForwardContext, Module } from '../nn/index.ts';
import type { Evaluator, HostOutputs, ModelOutputs, Task } from '../tasks/index.ts';

/** A model as a step sees it: named parameters and a forward pass. */
export type TrainableModel = Module & {
  /** Whether padding matters to it (DETR). */
  readonly takesPixelMask?: boolean;
  /** Whether a parameter belongs to the backbone, for `backbone_learning_rate_factor`. */
  isBackbone?(parameterName: string): boolean;
  forward(
    inputs: { readonly pixel_values: tf.Tensor; readonly pixel_mask?: tf.Tensor },
    context: ForwardContext,
  ): ModelOutputs;
};

/** The part of a device that steps use; failures between two calls come out here. */
export interface StepDevice {
  read(tensor: tf.Tensor): Promise<ArrayLike<number>>;
  /** Throws the error of a device that failed since it was opened. */
  check(): void;
  memory(): { readonly bytes: number; readonly tensors: number };
  /** Makes a traced step ready to run; left out where everything runs kernel by kernel. */
  readonly prepare?: PrepareProgram | undefined;
  /** Forms of kernels that were chosen for this device. A resumed run takes those of the first: bits depend on them. */
  readonly tuning?: { choices(): TuningChoices; adopt(choices: TuningChoices): void } | undefined;
}

/** Batches in a fixed order: the loader of `data/`. */
export interface BatchSource {
  readonly batchesPerEpoch: number;
  /** The batches of an epoch from number `cursor` on; the same for the same epoch, however often it is asked. */
  epoch(epoch: number, cursor?: number): AsyncIterable<Batch>;
}

/** One evaluated image. */
export interface PredictedImage<Prediction> {
  /** Position in the data set. */
  readonly index: number;
  readonly prediction: Prediction;
}

export interface EvaluatedBatch {
  readonly outputs: HostOutputs;
  /** `loss` and its parts; empty where none are wanted. */
  readonly losses: Readonly<Record<string, number>>;
}

/** What an evaluation does with one batch; see `EvaluationStep`. */
export interface BatchEvaluation {
  run(batch: Batch): Promise<EvaluatedBatch>;
  /** What there is to tell since the last call. */
  takeWarnings(): readonly { readonly code: string; readonly message: string }[];
}

export interface EvaluationRequest<Prediction> {
  readonly split: SplitName;
  readonly device: StepDevice;
  readonly model: TrainableModel;
  readonly task: Task<Prediction>;
  readonly dataset: Dataset;
  readonly batches: BatchSource;
  readonly signal?: AbortSignal | undefined;
  /** Whether the ground truth's losses are computed too (true). */
  readonly losses?: boolean | undefined;
  /** So many images are computed at once at most, where there is no `step` (all of a batch). */
  readonly mostImages?: number | undefined;
  /** Kept from one evaluation to the next, so that it compiles once; left out: one for this evaluation. */
  readonly step?: BatchEvaluation | undefined;
  /** Called with every prediction, unthresholded; predictions are not kept otherwise. */
  onPrediction?(image: PredictedImage<Prediction>): void | Promise<void>;
}

export interface EvaluationResult<Prediction = unknown> {
  /** With the split's prefix: `val_loss`, `val_map`, … */
  readonly metrics: Metrics;
  readonly images: number;
  readonly ms: number;
  /** Forward pass, loss and readback of each batch. */
  readonly batchMs: readonly number[];
  /** What the metrics were computed with, for curves and tables. */
  readonly evaluator: Evaluator<Prediction>;
  /** What went otherwise than planned, and was told for the first time. */
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}
