/** What a predictor takes and gives. */
import type { ClassMap, Raster, TaskName } from '../core/index.ts';
import type { HostOutputs, Predictions } from '../tasks/index.ts';

/** What a model said about one picture, with the task that gives it its meaning. */
export type Prediction = {
  [Name in keyof Predictions]: { readonly task: Name; readonly value: Predictions[Name] };
}[keyof Predictions];

/** A batch as the model takes it. */
export interface ModelBatch {
  /** float32 [batch, 3, height, width]. */
  readonly pixelValues: Float32Array;
  readonly shape: readonly [batch: number, channels: 3, height: number, width: number];
  /** 1 = image, 0 = padding, [batch, height, width]. */
  readonly pixelMask?: Uint8Array;
}

/** Is told a warning: a stable code, and a sentence for people. */
export type OnWarning = (warning: { readonly code: string; readonly message: string }) => void;

/** What computes the forward pass: onnxruntime, or our own engine. */
export interface Runtime {
  /** For people: `onnxruntime on cpu`, `ocelli wasm`. */
  readonly description: string;
  run(batch: ModelBatch): Promise<HostOutputs>;
  dispose(): Promise<void>;
}

export interface PredictOptions {
  /** Detections with a score above this are returned (the predictor's). */
  readonly threshold?: number;
}

export interface Predictor {
  readonly task: TaskName;
  readonly classes: ClassMap;
  /** What computes, for people. */
  readonly runtime: string;
  /** How many pictures go through the model at once, at most. */
  readonly batchSize: number;
  /** Detections with a score above this are returned. */
  readonly threshold: number;
  /**
   * One prediction per picture, in pixels of the picture. Pictures that become equally large go through the model
   * together; no picture is padded because of another, so company does not change a prediction.
   */
  predict(images: readonly Raster[], options?: PredictOptions): Promise<Prediction[]>;
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What came of one file. `imageId` is that of COCO results, see `imageIds`. */
export type FilePrediction =
  | {
      readonly path: string;
      readonly imageId: number;
      readonly image: Raster;
      readonly prediction: Prediction;
    }
  | { readonly path: string; readonly imageId: number; readonly error: Error };
