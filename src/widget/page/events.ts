/** The events of `<ocelli-predict>`, typed: `element.addEventListener('prediction', ({ detail }) => …)`. */
import type { Answer, Finding, Progress, Times } from '../protocol.ts';

/** A model is open and takes pictures. */
export interface ReadyDetail {
  /** As written in the attribute, or the name of the chosen folder. */
  readonly model: string;
  /** `classification`, `detection`, or the pipeline's name. */
  readonly task: string;
  /** In the order of the model's labels; empty where a pipeline names them itself. */
  readonly classes: readonly string[];
  /** What computes: `onnxruntime on webgpu`. */
  readonly runtime: string;
  readonly device: 'webgpu' | 'wasm';
  /** Whose pre- and postprocessing: ours, or that of transformers.js. */
  readonly path: 'ocelli' | 'transformers.js';
}

/** What the model says about a picture: once for every picture, and again when threshold, labels or top-k change. */
export interface PredictionDetail {
  readonly task: string;
  readonly model: string;
  /** The picture's size in pixels, upright; boxes are in these. */
  readonly width: number;
  readonly height: number;
  /** What is shown, best first. */
  readonly findings: readonly Finding[];
  /** What a pipeline of another kind gave: text, numbers. */
  readonly output?: unknown;
  /** A picture that a pipeline made (depth, a picture without its background): what is drawn instead of it. */
  readonly picture?: NonNullable<Answer['picture']>;
  /** In the worker, in milliseconds. */
  readonly times: Times;
}

export interface ErrorDetail {
  /** Stable, for scripts: `model_file_missing`, `image_unreadable`, … */
  readonly code: string;
  /** A sentence: what was expected, what was received, what to do. */
  readonly message: string;
  readonly expected: string;
  readonly received: string;
  readonly fix: string;
  readonly error: Error;
}

/** A device or a worker was lost while it worked, and another one answers. What was asked is still answered. */
export interface RecoveredDetail {
  /** What was lost, as an error tells it. */
  readonly reason: ErrorDetail;
  /** What computes now: `onnxruntime on wasm`. */
  readonly runtime: string;
  readonly device: 'webgpu' | 'wasm';
}

export interface OcelliPredictEventMap {
  ready: CustomEvent<ReadyDetail>;
  prediction: CustomEvent<PredictionDetail>;
  recovered: CustomEvent<RecoveredDetail>;
  /** While a model is fetched. */
  progress: CustomEvent<Progress>;
  /** Does not bubble, as errors of pictures and scripts don't. */
  error: CustomEvent<ErrorDetail>;
}
