/**
 * From a recipe to the things that a run works with: data sets, model, task, loaders. Training, evaluation and
 * resume prepare in the same way, so that all of them see the same pictures and the same classes.
 */
import { adaptProcessor, type Recipe, usableData } from '../config/index.ts';
import { type ClassMap, ConfigError, type RunEventBody, type RunEventOf } from '../core/index.ts';
import { classWeights, type Dataset, openSplits, type Splits } from '../data/index.ts';
import {
  type BuiltModel,
  type DownloadListener,
  fromConfigWhen,
  fromPretrained,
  type HfConfig,
  type LoadedModel,
  type ProcessorConfig,
  saveModel,
} from '../models/index.ts';
import { createTask, type Task } from '../tasks/index.ts';
import { freeze, type Monitor } from '../training/index.ts';
import { modelServer } from './model-version.ts';

export interface PreparedData {
  readonly splits: Splits;
  readonly classes: ClassMap;
}

/** @param onWarning told what doesn't work as it should, and doesn't matter for the result */
export async function prepareData(
  recipe: Recipe,
  signal?: AbortSignal,
  onWarning?: (message: string) => void,
): Promise<PreparedData> {
  const { model, training } = recipe;
  const splits = await openSplits(usableData(recipe), {
    task: model.task_type,
    seed: training.seed,
    ...(signal ? { signal } : {}),
    ...(onWarning ? { onWarning } : {}),
  });
  const { classes } = splits.train;
  if (model.num_classes !== null && model.num_classes !== classes.size) {
    throw new ConfigError({
      code: 'num_classes_mismatch',
      expected: `model.num_classes to be the number of classes in the data, ${classes.size}`,
      received: `${model.num_classes}`,
      fix: 'leave model.num_classes out: it is taken from the data',
    });
  }
  return { splits, classes };
}

export function dataReady({ splits, classes }: PreparedData): RunEventBody {
  const named = Object.entries(splits) as [string, Dataset][];
  return {
    type: 'data_ready',
    splits: Object.fromEntries(
      named.map(([split, { records, digest, source }]) => {
        const annotations = records.reduce(
          (sum, record) => sum + Math.max(record.annotations.length, record.labels.length),
          0,
        );
        return [split, { images: records.length, annotations, digest, source }];
      }),
    ),
    classes: classes.names,
    categoryIds: classes.categories.map(({ id }) => id),
    setAside: named.reduce((sum, [, { setAside }]) => sum + setAside.length, 0),
  };
}

/** What Transformers and our predictor decide by whether scores come from a softmax or one sigmoid per class. */
function problemType({ model, data }: Recipe): { readonly problem_type?: string } {
  if (model.task_type !== 'classification') return {};
  return { problem_type: `${data?.multi_label ? 'multi' : 'single'}_label_classification` };
}

/**
 * The recipe's model with a head for `classes`, and its processor as the recipe wants it.
 *
 * @param beforeWeights called when the model has its shapes and knows what is frozen, and no value yet
 * @param onDownload told while its files are fetched
 */
export async function prepareModel(
  recipe: Recipe,
  classes: ClassMap,
  signal?: AbortSignal,
  beforeWeights?: (built: BuiltModel) => Promise<void>,
  onDownload?: DownloadListener,
): Promise<{ readonly loaded: LoadedModel; readonly warnings: readonly string[] }> {
  const { model, training } = recipe;
  const imageSize = model.image_size;
  const [height, width] = typeof imageSize === 'number' ? [imageSize, imageSize] : (imageSize ?? []);
  const options = {
    task: model.task_type,
    classes,
    seed: training.seed,
    ...(height && width ? { imageSize: { height, width } } : {}),
    ...(model.dropout > 0 ? { dropout: model.dropout } : {}),
    async beforeWeights(built: BuiltModel) {
      freeze(built.model, model.freeze);
      await beforeWeights?.(built);
    },
  };
  const overrides = { ...model.config, ...problemType(recipe) };
  const fresh = !model.pretrained && typeof model.config.model_type === 'string';
  const loaded = fresh
    ? await fromConfigWhen(overrides as HfConfig, options)
    : await fromPretrained(model.model_name, {
        ...options,
        pretrained: model.pretrained,
        overrides,
        signal,
        server: modelServer(recipe),
        onProgress: onDownload,
      });
  const processor = adaptProcessor(loaded.processorConfig, recipe);
  return {
    loaded: { ...loaded, processorConfig: processor.config as ProcessorConfig },
    warnings: [...loaded.report.warnings, ...processor.warnings.map(({ message }) => message)],
  };
}

/** @param memory what a step of it takes */
export function modelReady(
  { model, report }: LoadedModel,
  memory?: RunEventOf<'model_ready'>['memory'],
): RunEventBody {
  let parameters = 0;
  let trainable = 0;
  for (const [, parameter] of model.parameters()) {
    parameters += parameter.size;
    if (parameter.requiresGrad) trainable += parameter.size;
  }
  const { missing, unexpected, classesKept, classesNew } = report;
  return {
    type: 'model_ready',
    modelType: model.modelType,
    parameters,
    trainable,
    missing,
    unexpected,
    classesKept,
    classesNew,
    ...(memory ? { memory } : {}),
  };
}

/** The files that make a folder of weights a Hugging Face model. */
export async function modelCompanions(loaded: LoadedModel): Promise<ReadonlyMap<string, string>> {
  const saved = await saveModel(loaded, new Map());
  return new Map([
    ['config.json', saved['config.json']],
    ['preprocessor_config.json', saved['preprocessor_config.json']],
  ]);
}

/** `train` decides balanced class weights; without it all classes weigh the same. */
export function prepareTask(
  recipe: Recipe,
  loaded: Pick<LoadedModel, 'classes' | 'config'>,
  train?: Dataset,
): Task<unknown> {
  const { model, data } = recipe;
  return createTask(model.task_type, {
    classes: loaded.classes,
    config: loaded.config,
    multiLabel: data.multi_label,
    labelSmoothing: model.label_smoothing,
    ...(train && data.class_weights ? { classWeights: [...classWeights(train, data.class_weights)] } : {}),
  });
}

/** A monitored metric that no evaluation of this task and these classes computes is found before the first step. */
export function checkMonitor({ metric }: Monitor, task: Task<unknown>): void {
  const computed = ['loss', ...task.metrics];
  const name = metric.replace(/^val_/, '');
  // Parts of the loss are known when there is one.
  if (metric === 'train_loss' || (metric !== name && (computed.includes(name) || name.startsWith('loss_'))))
    return;
  throw new ConfigError({
    code: 'monitor_metric_not_computed',
    expected: `training.monitor_metric: train_loss, or val_ and one of ${computed.join(', ')}`,
    received: metric,
    fix: `choose a metric that ${task.name} with these classes computes`,
  });
}
