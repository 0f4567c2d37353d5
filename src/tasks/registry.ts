/** Tasks by name: each puts its five files together for one run. A plugin adds a row with `registerTask`. */
import { type ClassMap, ConfigError, type TaskName, taskNames } from '../core/index.ts';
import type { HfConfig } from '../models/index.ts';
import { decodeClassification } from './classification/decode.ts';
import { drawClassification } from './classification/draw.ts';
import { classificationLoss } from './classification/loss.ts';
import { classificationEvaluator, classificationMetricNames } from './classification/metrics.ts';
import { classificationTargets } from './classification/targets.ts';
import { decodeDetections } from './detection/decode.ts';
import { drawDetections } from './detection/draw.ts';
import { detectionLoss } from './detection/loss.ts';
import { detectionEvaluator, detectionMetricNames } from './detection/metrics.ts';
import { detectionOptions } from './detection/options.ts';
import { detectionTargets, labelsOf } from './detection/targets.ts';
import type { ClassificationPrediction, DetectionPrediction, Task } from './types.ts';

export interface TaskOptions {
  /** The model's classes, in the order of its labels. */
  readonly classes: ClassMap;
  /** The model's `config.json`: detection reads its costs and coefficients there. */
  readonly config?: HfConfig | undefined;
  readonly multiLabel?: boolean | undefined;
  readonly labelSmoothing?: number | undefined;
  /** One per class, in the order of the labels. */
  readonly classWeights?: readonly number[] | undefined;
}

/** The predictions of each task. A plugin's task widens it by declaration merging. */
export interface Predictions {
  classification: ClassificationPrediction;
  detection: DetectionPrediction;
}

type MakeTask = (options: TaskOptions) => Task<unknown>;

function classification(options: TaskOptions): Task<ClassificationPrediction> {
  const { classes, multiLabel = false } = options;
  return {
    name: 'classification',
    metrics: classificationMetricNames(classes, { multiLabel }),
    matchesOnHost: false,
    targets: (batch) => classificationTargets(batch, classes.size, { multiLabel }),
    loss: (outputs, targets) => classificationLoss(outputs, targets, options),
    decode: (outputs) => decodeClassification(outputs, { multiLabel }),
    evaluator: (dataset) => classificationEvaluator(dataset.classes, { multiLabel }, classes),
    draw: (image, prediction, map) => drawClassification(image, prediction, map),
  };
}

function detection(options: TaskOptions): Task<DetectionPrediction> {
  const { classes } = options;
  const { matching, loss } = detectionOptions(options.config ?? {}, options.classWeights);
  return {
    name: 'detection',
    metrics: detectionMetricNames(classes),
    matchesOnHost: true,
    targets(batch, outputs) {
      if (!outputs) throw new Error('detection targets need the outputs of this forward pass');
      return detectionTargets(outputs, labelsOf(batch), matching);
    },
    loss: (outputs, targets) => detectionLoss(outputs, targets, loss),
    decode: (outputs, sizes, how) => decodeDetections(outputs, sizes, how),
    evaluator: (dataset) => detectionEvaluator(dataset.classes, classes),
    draw: (image, prediction, map) => drawDetections(image, prediction, map),
  };
}

const registered = new Map<string, MakeTask>([
  ['classification', classification as MakeTask],
  ['detection', detection as MakeTask],
]);

export function registerTask(name: string, make: MakeTask): void {
  registered.set(name, make);
}

/** The tasks that this version can train and evaluate. */
export function knownTasks(): readonly string[] {
  return [...registered.keys()];
}

/** A task for one run. */
export function createTask<Name extends keyof Predictions>(
  name: Name,
  options: TaskOptions,
): Task<Predictions[Name]>;
export function createTask(name: TaskName, options: TaskOptions): Task<unknown>;
export function createTask(name: string, options: TaskOptions): Task<unknown> {
  return makerOf(name)(options);
}

/** Throws a ConfigError for a task that a recipe may name but that can't be trained yet: before any data is read. */
export function requireTask(name: string): void {
  makerOf(name);
}

function makerOf(name: string): MakeTask {
  const make = registered.get(name);
  if (make) return make;
  const planned = (taskNames as readonly string[]).includes(name);
  throw new ConfigError({
    code: planned ? 'task_not_built' : 'unknown_task',
    expected: `a task_type that is one of ${knownTasks().join(', ')}`,
    received: planned ? `${name}, which is not built yet` : name,
    fix: 'choose a task that this version has',
  });
}
