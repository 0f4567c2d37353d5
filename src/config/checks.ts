/**
 * What the schema can't see because it depends on several keys. These checks read the plain tree, so that they
 * report beside the schema's own findings and a recipe shows all of its problems at once.
 */
import type { TaskName } from '../core/index.ts';
import { nearest } from './nearest.ts';
import {
  canonicalTask,
  defaultMode,
  isMonitorName,
  monitorNames,
  optimizerOptions,
  schedulerOptions,
} from './schema/index.ts';
import { describe, isTree, type Path, type Source } from './source.ts';
import type { RecipeWarning } from './warnings.ts';

export function checkRecipe(source: Source, warnings: RecipeWarning[]): void {
  const warn = (path: Path, text: string): void => {
    warnings.push({
      code: 'unusual_setting',
      message: `${source.locate(path).where}: ${path.join('.')} ${text}`,
    });
  };
  const task = canonicalTask(source.get(['model', 'task_type']));
  if (task) checkMonitor(source, task, warn);
  if (task && task !== 'classification') checkClassificationOnly(source, warn);
  checkArchitecture(source);
  checkClassWeights(source);
  checkSchedule(source, warn);
  checkOptimizer(source);
  checkRanges(source);
  if (source.get(['data', 'augment']) === true && source.get(['data', 'augmentations']) === undefined) {
    warn(['data', 'augment'], 'is true, but data.augmentations names no step: pictures stay as they are');
  }
  for (const { path, when, why } of withoutEffect) {
    if (when(source.get(path), source)) warn(path, `has no effect: ${why}`);
  }
}

const isRegistered = (name: unknown): boolean => typeof name === 'string' && /^models:/i.test(name);
const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/** Settings that change nothing in a run; one that carries them says so. */
const withoutEffect: readonly {
  readonly path: Path;
  when(value: unknown, source: Source): boolean;
  readonly why: string;
}[] = [
  { path: ['training', 'distributed'], when: (value) => value === true, why: 'a run uses one device' },
  {
    path: ['mlflow', 'registry_uri'],
    when: (value, source) => isGiven(value) && !isRegistered(source.get(['model', 'model_name'])),
    why: 'model.model_name is no models:/…, and a run registers its model with the tracking server',
  },
  { path: ['tuning'], when: isGiven, why: 'there is no search command' },
];

type Warn = (path: Path, text: string) => void;

function checkMonitor(source: Source, task: TaskName, warn: Warn): void {
  const metric = source.get(['training', 'monitor_metric']);
  if (typeof metric !== 'string') return;
  if (!isMonitorName(task, metric)) {
    const names = monitorNames(task);
    const guess = names.includes(`val_${metric}`) ? `val_${metric}` : nearest(metric, names);
    source.problem(
      ['training', 'monitor_metric'],
      `expected a metric that ${task} computes: ${names.join(', ')}. Received: ${describe(metric)}${guess ? ` (did you mean ${guess}?)` : ''}`,
    );
    return;
  }
  const mode = source.get(['training', 'monitor_mode']);
  const usual = defaultMode(metric);
  if ((mode === 'min' || mode === 'max') && mode !== usual) {
    warn(
      ['training', 'monitor_mode'],
      `is ${mode}, but ${metric} is better when it is ${usual === 'min' ? 'smaller' : 'larger'}`,
    );
  }
}

function checkClassificationOnly(source: Source, warn: Warn): void {
  const off = (value: unknown): boolean =>
    value === undefined || value === null || value === 0 || value === false;
  for (const path of [
    ['model', 'dropout'],
    ['model', 'mixup_alpha'],
    ['model', 'cutmix_alpha'],
    ['model', 'label_smoothing'],
    ['data', 'multi_label'],
  ]) {
    if (!off(source.get(path))) warn(path, 'has no effect: it belongs to classification');
  }
}

function checkArchitecture(source: Source): void {
  const config = source.get(['model', 'config']);
  if (!isTree(config) || config.model_type === undefined) return;
  if (source.get(['model', 'pretrained']) === false) return;
  source.problem(
    ['model', 'config', 'model_type'],
    'expected pretrained: false beside it, because a pretrained checkpoint says its own model_type. Received: pretrained: true',
  );
}

function checkClassWeights(source: Source): void {
  const weights = source.get(['data', 'class_weights']);
  const classes = source.get(['model', 'num_classes']);
  if (Array.isArray(weights) && typeof classes === 'number' && weights.length !== classes) {
    source.problem(
      ['data', 'class_weights'],
      `expected ${classes} numbers, one per class of model.num_classes. Received: ${weights.length}`,
    );
  }
}

function checkSchedule(source: Source, warn: Warn): void {
  const warmups = ['warmup_steps', 'warmup_epochs', 'warmup_ratio'].filter((key) => {
    const value = source.get(['training', key]);
    return typeof value === 'number' && value > 0;
  });
  if (warmups.length > 1) {
    source.problem(
      ['training', warmups[1]!],
      `expected one of warmup_steps, warmup_epochs and warmup_ratio. Received: ${warmups.join(' and ')}`,
    );
  }
  const name = source.get(['training', 'scheduler']) ?? 'cosine';
  const known = schedulerOptions[name === 'none' ? 'constant' : String(name)];
  const params = source.get(['training', 'scheduler_params']);
  if (!known || !isTree(params)) return;
  for (const key of Object.keys(params)) {
    const belongs = Object.values(schedulerOptions).some((options) => options.includes(key));
    if (belongs && !known.includes(key) && params[key] !== null) {
      warn(['training', 'scheduler_params', key], `has no effect with the scheduler ${String(name)}`);
    }
  }
}

function checkOptimizer(source: Source): void {
  const name = String(source.get(['training', 'optimizer']) ?? 'adamw').toLowerCase();
  const known = optimizerOptions[name];
  const params = source.get(['training', 'optimizer_params']);
  if (!known || !isTree(params)) return;
  for (const key of Object.keys(params)) {
    const belongs = Object.values(optimizerOptions).some((options) => options.includes(key));
    if (belongs && !known.includes(key)) {
      source.problem(
        ['training', 'optimizer_params', key],
        `expected an option of ${name}: ${known.join(', ')}. Received: ${key}`,
      );
    }
  }
}

function checkRanges(source: Source): void {
  const interval = source.get(['training', 'val_check_interval']);
  if (typeof interval === 'number' && interval > 1 && !Number.isInteger(interval)) {
    source.problem(
      ['training', 'val_check_interval'],
      `expected a share of an epoch up to 1, or a whole number of optimiser steps. Received: number ${interval}`,
    );
  }
  for (const [key, field, most] of [
    ['random_crop', 'area', 1],
    ['random_resize', 'scale', Number.POSITIVE_INFINITY],
    ['random_erasing', 'area', 1],
    ['random_erasing', 'ratio', Number.POSITIVE_INFINITY],
  ] as const) {
    const path = ['data', 'augmentations', key];
    const value = source.get(path);
    const range = isTree(value) ? value[field] : value;
    if (!Array.isArray(range) || range.length !== 2) continue;
    const [low, high] = range as [unknown, unknown];
    if (typeof low !== 'number' || typeof high !== 'number') continue;
    if (low > high || high > most) {
      source.problem(
        path,
        `expected [low, high] with low ≤ high${most === 1 ? ' ≤ 1' : ''}. Received: ${describe(range)}`,
      );
    }
  }
}
