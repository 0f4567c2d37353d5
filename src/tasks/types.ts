/**
 * What a task means, for every model that can do it. A task is a folder with the same files in each:
 * `targets` (host arrays for the step), `loss` (on the device), `decode` (outputs to predictions, no tensors),
 * `metrics` (an evaluator, no tensors), `draw`.
 *
 * A training step has static shapes: ground truth of any number of boxes becomes arrays of one fixed shape in
 * `targets` (after matching, where a task matches), so that a recorded step can be replayed.
 */
import type { ClassMap, Metrics, Raster, Size, TaskName } from '../core/index.ts';
import type { Batch, Dataset, ImageRecord } from '../data/index.ts';
import type { tf } from '../engine/index.ts';
import type { ModelOutputs } from '../models/index.ts';

export type { ModelOutputs, TaskName };

/** Outputs read back to the host. */
export type HostOutputs = Readonly<
  Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>
>;

/** Arrays that a step takes as inputs. */
export type HostArrays = Readonly<
  Record<string, { readonly shape: readonly number[]; readonly data: Float32Array | Int32Array }>
>;

export interface Loss {
  /** The scalar to differentiate. */
  readonly total: tf.Tensor;
  /** Scalars to log, by Hugging Face's names (`loss_ce`, `loss_bbox`, …). */
  readonly parts: Readonly<Record<string, tf.Tensor>>;
}

export interface Evaluator<Prediction> {
  update(record: ImageRecord, prediction: Prediction): void;
  /** By metric name without the split's prefix (`map`, `accuracy`). What does not exist is left out, never 0 or −1. */
  compute(): Metrics;
}

/** A task, configured for one run (classes, weights, label smoothing, …). */
export interface Task<Prediction> {
  readonly name: TaskName;
  /** Names that `training.monitor_metric` may take, without the split's prefix. */
  readonly metrics: readonly string[];
  /** Whether `targets` needs the outputs of this step's forward pass (Hungarian matching). */
  readonly matchesOnHost: boolean;
  /** Fixed-shape inputs of the loss for one batch. `outputs` is given when `matchesOnHost`. */
  targets(batch: Batch, outputs?: HostOutputs): HostArrays;
  /** On the device, static shapes, no host decision. */
  loss(outputs: ModelOutputs, targets: Readonly<Record<string, tf.Tensor>>): Loss;
  /** One prediction per image, in pixels of `sizes` (the original images). Equal to HF's `post_process_*`. */
  decode(outputs: HostOutputs, sizes: readonly Size[], options?: DecodeOptions): Prediction[];
  evaluator(dataset: Dataset): Evaluator<Prediction>;
  draw(image: Raster, prediction: Prediction, classes: ClassMap): Promise<Raster>;
}

export interface DecodeOptions {
  /** Detections with a score above this are kept; evaluation uses 0: AP must see the whole curve. */
  readonly threshold?: number;
}

/** `[{label, score}]`, best first; with `multi_label` every class, else softmax. */
export interface ClassificationPrediction {
  readonly scores: Float32Array;
}

/** Query order, as HF returns it; boxes in pixels, corners, not clipped. */
export interface DetectionPrediction {
  readonly scores: Float32Array;
  readonly labels: Int32Array;
  /** [count × 4] x0, y0, x1, y1. */
  readonly boxes: Float32Array;
}
