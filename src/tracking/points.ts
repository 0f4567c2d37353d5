/**
 * From a run's events and recipe to what MLflow stores: metric points, params, tags, dataset inputs. Pure
 * functions; the limits are MLflow's (1,000 metrics, 100 params and 100 tags a batch, keys of 250 characters,
 * param values of 6,000, tag values of 5,000).
 */
import type { RunEvent, RunEventOf } from '../core/index.ts';

export interface MetricPoint {
  readonly key: string;
  readonly value: number | string;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

export const limits = { metrics: 1000, params: 100, key: 250, paramValue: 6000, tagValue: 5000 } as const;

/** MLflow keys may hold letters, digits, `_ - . space / :`; anything else becomes `_`. */
export function safeKey(key: string): string {
  return key.replace(/[^\p{L}\p{N}_\-. /:]/gu, '_').slice(0, limits.key);
}

/** JSON has no NaN and no infinities: MLflow takes them as strings, and an event log holds null. */
function jsonNumber(value: number | null): number | string {
  if (value === null) return 'NaN';
  return Number.isFinite(value) ? value : String(value);
}

function points(entries: Readonly<Record<string, number>>, event: RunEvent, step: number): MetricPoint[] {
  const timestamp = Date.parse(event.time);
  return Object.entries(entries).map(([key, value]) => ({
    key: safeKey(key),
    value: jsonNumber(value),
    timestamp,
    step,
  }));
}

/** The points of one event. `lastStep` is the step of events that have none (the evaluation after the run). */
export function metricPoints(event: RunEvent, lastStep: number): MetricPoint[] {
  switch (event.type) {
    case 'step':
      return points(
        {
          train_loss: event.loss,
          ...Object.fromEntries(Object.entries(event.parts).map(([name, value]) => [`train_${name}`, value])),
          learning_rate: event.learning_rate,
          grad_norm: event.grad_norm,
          images_per_second: event.images_per_second,
          step_ms: event.ms,
          gpu_bytes: event.gpu_bytes,
          ...(event.loss_scale === undefined ? {} : { loss_scale: event.loss_scale }),
          ...(event.skipped_steps === undefined ? {} : { skipped_steps: event.skipped_steps }),
        },
        event,
        event.step,
      );
    case 'epoch':
      return points({ train_loss_epoch: event.train_loss, epoch: event.epoch }, event, event.step);
    case 'evaluation':
      return points(event.metrics, event, event.step ?? lastStep);
    default:
      return [];
  }
}

/** `{model: {model_name: 'x'}}` → `model.model_name = x`; lists and leaves as JSON text without quotes around strings. */
export function flattenParams(recipe: Readonly<Record<string, unknown>>, prefix = ''): KeyValue[] {
  return Object.entries(recipe).flatMap(([name, value]) => {
    const key = prefix + name;
    if (value === undefined) return [];
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      return flattenParams(value as Record<string, unknown>, `${key}.`);
    }
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return [{ key: safeKey(key), value: cut(text, limits.paramValue) }];
  });
}

/** MLflow cuts silently; a cut value says so. */
export function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

export interface DatasetInput {
  readonly tags: readonly KeyValue[];
  readonly dataset: { name: string; digest: string; source_type: string; source: string; profile: string };
}

const contexts: Readonly<Record<string, string>> = { train: 'training', val: 'validation', test: 'testing' };

/** The data of each split as MLflow's dataset inputs. */
export function datasetInputs(event: RunEventOf<'data_ready'>): DatasetInput[] {
  return Object.entries(event.splits).map(([split, { images, annotations, digest, source }]) => ({
    tags: [{ key: 'mlflow.data.context', value: contexts[split] ?? split }],
    dataset: {
      name: split,
      digest: digest.slice(0, 36),
      source_type: 'local',
      source: JSON.stringify({ uri: source }),
      profile: JSON.stringify({ num_images: images, num_annotations: annotations, classes: event.classes }),
    },
  }));
}

export function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
