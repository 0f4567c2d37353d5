/** Fills in what depends on other keys, so that a recipe says everything and nothing is decided later. */
import {
  type AugmentationSettings,
  defaultMode,
  type ParsedRecipe,
  type Recipe,
  resolveAugmentations,
  taskMetrics,
} from './schema/index.ts';

export function resolveRecipe(parsed: ParsedRecipe, augmentationOrder: readonly string[]): Recipe {
  const { model, data, training, mlflow } = parsed;
  const monitor = training.monitor_metric ?? taskMetrics[model.task_type].monitor;
  return {
    ...parsed,
    data: {
      ...data,
      augmentations: resolveAugmentations(data.augmentations as AugmentationSettings, augmentationOrder),
    },
    training: {
      ...training,
      gradient_clip_val: training.gradient_clip_val || null,
      monitor_metric: monitor,
      monitor_mode: training.monitor_mode ?? defaultMode(monitor),
      optimizer_params: { ...optimizerDefaults[training.optimizer], ...given(training.optimizer_params) },
      scheduler_params: schedulerParams(training),
    },
    mlflow: {
      ...mlflow,
      experiment_name: mlflow.experiment_name ?? `${model.task_type}_training`,
      run_name: mlflow.run_name ?? runNameOf(model.model_name),
    },
  };
}

/** torch's defaults. */
const optimizerDefaults: Readonly<
  Record<string, Readonly<Record<string, number | boolean | readonly [number, number]>>>
> = {
  adamw: { betas: [0.9, 0.999], eps: 1e-8, amsgrad: false, maximize: false },
  adam: { betas: [0.9, 0.999], eps: 1e-8, amsgrad: false, maximize: false },
  sgd: { momentum: 0, dampening: 0, nesterov: false, maximize: false },
  rmsprop: { alpha: 0.99, eps: 1e-8, momentum: 0, centered: false, maximize: false },
  adagrad: { lr_decay: 0, initial_accumulator_value: 0, eps: 1e-10, maximize: false },
};

type SchedulerParams = Readonly<Record<string, number | string | null>>;

/** As torch's ReduceLROnPlateau. */
export const plateauDefaults = {
  factor: 0.1,
  patience: 10,
  threshold: 1e-4,
  threshold_mode: 'rel',
  cooldown: 0,
  min_lr: 0,
  eps: 1e-8,
} as const;

function schedulerParams(training: ParsedRecipe['training']): SchedulerParams {
  const defaults = schedulerDefaults(training);
  const params = given(training.scheduler_params);
  return Object.fromEntries(
    Object.entries(defaults).map(([key, value]) => [
      key,
      (params[key] as number | string | undefined) ?? value,
    ]),
  );
}

/** `T_max` counts epochs. With `max_steps` the run's length in epochs is open: null means the whole run. */
function schedulerDefaults(training: ParsedRecipe['training']): SchedulerParams {
  const length = { T_max: training.max_steps === null ? training.max_epochs : null, eta_min: 0 };
  switch (training.scheduler) {
    case 'cosine':
    case 'linear':
      return length;
    case 'polynomial':
      return { ...length, power: 1 };
    case 'step':
      return { step_size: 30, gamma: 0.1 };
    case 'exponential':
      return { gamma: 0.95 };
    case 'plateau':
      return plateauDefaults;
    case 'constant':
      return {};
  }
}

function given<T extends Readonly<Record<string, unknown>>>(
  params: T,
): Record<string, Exclude<T[keyof T], null | undefined>> {
  return Object.fromEntries(
    Object.entries(params).filter(([, value]) => value !== undefined && value !== null),
  ) as Record<string, Exclude<T[keyof T], null | undefined>>;
}

/** `facebook/detr-resnet-50` → `detr-resnet-50`: fit for a folder's name. */
function runNameOf(modelName: string): string {
  // Of a registry name and version: the version alone says little.
  const registered = /^models:\/+(.*)$/is.exec(modelName)?.[1];
  const last = registered ?? modelName.split(/[\\/]/).filter(Boolean).at(-1) ?? 'run';
  return last.replace(/[^\w.-]+/g, '-').replace(/^[-.]+|[-.]+$/g, '') || 'run';
}
