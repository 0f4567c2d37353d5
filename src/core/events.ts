/**
 * The one event stream. A run tells everything that happens as typed events; the progress line, MLflow, live
 * charts, early stopping and the JSONL log are listeners, and none has its own path into the loop. The same
 * objects travel in worker messages, in `events.jsonl` and on `--json`.
 */

export type Metrics = Readonly<Record<string, number>>;
export type SplitName = 'train' | 'val' | 'test';

/** Where in the run: `step` counts optimiser steps from 1, `epoch` from 0 (fractions are not used). */
interface Position {
  readonly step: number;
  readonly epoch: number;
}

export type RunEventBody =
  | {
      readonly type: 'run_started';
      readonly run: string;
      readonly runName: string;
      readonly task: string;
      readonly model: string;
      /** How the recipe named the model, where that was an alias in a registry. */
      readonly modelRequested?: string;
      readonly device: string;
      readonly seed: number;
      readonly version: string;
    }
  | {
      readonly type: 'data_ready';
      readonly splits: Readonly<
        Record<string, { images: number; annotations: number; digest: string; source: string }>
      >;
      readonly classes: readonly string[];
      /** The data set's ids of these classes, in their order: metrics per class are named by them. Older logs lack it. */
      readonly categoryIds?: readonly number[];
      readonly setAside: number;
    }
  | {
      readonly type: 'model_ready';
      readonly modelType: string;
      readonly parameters: number;
      readonly trainable: number;
      readonly missing: readonly string[];
      readonly unexpected: readonly string[];
      readonly classesKept: number;
      readonly classesNew: number;
      /**
       * What a step takes of the device's memory: bytes, for so many images of this height and width at once. `exact`:
       * planned to the byte; else kernels need some more.
       */
      readonly memory?: {
        readonly bytes: number;
        readonly images: number;
        readonly height: number;
        readonly width: number;
        readonly exact: boolean;
        /** An evaluation, with all that steps leave on the device; its images at once. Older logs lack it. */
        readonly evaluation?: { readonly bytes: number; readonly images: number };
      };
    }
  | ({
      readonly type: 'step_compiled';
      readonly signature: string;
      readonly ms: number;
      readonly dispatches: number;
    } & Position)
  | ({
      readonly type: 'step';
      readonly loss: number;
      readonly parts: Metrics;
      readonly learning_rate: number;
      readonly grad_norm: number;
      readonly ms: number;
      readonly images_per_second: number;
      readonly gpu_bytes: number;
      /** In half precision: what the loss is multiplied with, and how many steps have overflowed so far. */
      readonly loss_scale?: number;
      readonly skipped_steps?: number;
      /** Optimiser steps of the whole run, for progress and ETA. */
      readonly total_steps: number;
    } & Position)
  | ({ readonly type: 'epoch'; readonly train_loss: number; readonly ms: number } & Position)
  | ({
      readonly type: 'evaluation';
      readonly split: SplitName;
      readonly metrics: Metrics;
      readonly ms: number;
    } & Partial<Position>)
  | ({
      readonly type: 'checkpoint';
      readonly path: string;
      readonly kind: 'last' | 'best' | 'step';
      readonly metrics: Metrics;
    } & Position)
  | ({ readonly type: 'samples'; readonly split: SplitName; readonly path: string } & Partial<Position>)
  | {
      readonly type: 'exported';
      readonly format: 'hf' | 'onnx' | 'mlflow';
      readonly path: string;
      readonly max_abs?: number;
    }
  | {
      readonly type: 'tracked';
      readonly uri: string;
      readonly experimentId: string;
      readonly runId: string;
      readonly url?: string;
    }
  | ({ readonly type: 'warning'; readonly code: string; readonly message: string } & Partial<Position>)
  | ({ readonly type: 'paused' } & Position)
  | ({
      readonly type: 'resumed';
      readonly from: string;
      readonly exact: boolean;
      readonly why?: string;
    } & Position)
  | ({
      readonly type: 'finished';
      readonly run: string;
      /** Where it was copied to, when its results shall not lie on this machine. */
      readonly place?: string;
      readonly metrics: Metrics;
      readonly ms: number;
    } & Position)
  | ({
      readonly type: 'stopped';
      readonly reason: 'interrupted' | 'early_stopping';
      readonly checkpoint: string;
    } & Position)
  | ({
      readonly type: 'failed';
      readonly code: string;
      readonly message: string;
      readonly hint: string;
      /** One line for each, where several things are wrong at once. */
      readonly problems?: readonly string[];
      readonly exit_code: number;
    } & Partial<Position>);

/** An event as listeners get it: `time` is ISO 8601 in UTC. */
export type RunEvent = RunEventBody & { readonly time: string };
export type RunEventType = RunEvent['type'];
export type RunEventOf<Type extends RunEventType> = Extract<RunEvent, { type: Type }>;
export type RunListener = (event: RunEvent) => void;
