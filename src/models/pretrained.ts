/**
 * A model from wherever it is: config, weights, processor and classes, put together and ready to train or to
 * predict. The head is fitted to the classes of the data; everything that did not come from the checkpoint is
 * named in the report.
 */
import { type ClassMap, counted, type Size, type TaskName } from '../core/index.ts';
import { initialize } from '../nn/index.ts';
import type { Place } from '../storage/index.ts';
import { classesOf, withClasses } from './classes.ts';
import { ModelFiles, type PlaceOptions } from './files.ts';
import { withImageSize } from './image-size.ts';
import { type LoadReport, loadWeights } from './load.ts';
import { familyOf, taskOf } from './registry.ts';
import type { Family, HfConfig, ProcessorConfig, VisionModel } from './types.ts';

export interface PretrainedOptions extends PlaceOptions {
  /** What the model is for; left out: what the checkpoint's class does. */
  readonly task?: TaskName | undefined;
  /** The data's classes; left out: the checkpoint's. */
  readonly classes?: ClassMap | undefined;
  /** false: the architecture of the checkpoint with fresh weights (true). */
  readonly pretrained?: boolean | undefined;
  /** For everything that starts fresh (0). */
  readonly seed?: number | undefined;
  /** Another input size than the checkpoint's. */
  readonly imageSize?: Size | undefined;
  /** Another dropout rate, 0 ≤ rate < 1. */
  readonly dropout?: number | undefined;
  /** Fields of config.json to replace, for what has no option of its own (`num_queries`, …). */
  readonly overrides?: Readonly<Record<string, unknown>> | undefined;
  /** Called and awaited before weights are made or fetched; what it throws ends the loading. */
  readonly beforeWeights?: ((built: BuiltModel) => void | Promise<void>) | undefined;
}

export interface LoadedModel {
  readonly model: VisionModel;
  readonly family: Family;
  /** `config.json` of the model as it is now. */
  readonly config: HfConfig;
  /** `preprocessor_config.json`, with the image size that was asked for. */
  readonly processorConfig: ProcessorConfig;
  readonly classes: ClassMap;
  readonly report: LoadReport & {
    /** False when the weights started fresh. */
    readonly pretrained: boolean;
    readonly warnings: readonly string[];
  };
}

/** All of a model but its weights. */
export type BuiltModel = Omit<LoadedModel, 'report'>;

export async function fromPretrained(
  place: string | Place,
  options: PretrainedOptions = {},
): Promise<LoadedModel> {
  const { pretrained = true, seed = 0, signal } = options;
  const files = await ModelFiles.find(place, options);
  const stored = await files.json('config.json');
  const family = familyOf(stored, `${files.location}/config.json`);
  const checkpoint = stored as HfConfig;
  const task = taskOf(family, checkpoint, options.task);
  const fromClasses = classesOf(checkpoint);
  const classes = options.classes ?? fromClasses;
  const warnings: string[] = [];
  const config = configFor(checkpoint, family, task, classes, options, warnings);
  const processorConfig = await processorFor(files, family, config, options);
  const model = family.build(config, task);
  try {
    const built = { model, family, config, processorConfig, classes };
    if (!pretrained) warnings.push(...trainAll(built));
    await options.beforeWeights?.(built);
    if (!pretrained) return withFreshWeights(built, seed, warnings);
    const weights = await files.weights();
    const loaded = await loadWeights({
      model,
      family,
      weights,
      config: checkpoint,
      fromClasses,
      classes,
      seed,
      signal,
    });
    const report = { ...loaded, pretrained, warnings };
    return { model, family, config, processorConfig, classes, report };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

type ConfigOptions = Pick<
  PretrainedOptions,
  'task' | 'classes' | 'seed' | 'imageSize' | 'dropout' | 'overrides'
>;

/** A model from a config alone, with fresh weights. */
export function fromConfig(config: HfConfig, options: ConfigOptions = {}): LoadedModel {
  const { built, warnings } = buildFromConfig(config, options);
  return withFreshWeights(built, options.seed ?? 0, warnings);
}

/** The same, where somebody has a say between shapes and weights. */
export async function fromConfigWhen(
  config: HfConfig,
  { beforeWeights, ...options }: ConfigOptions & Pick<PretrainedOptions, 'beforeWeights'>,
): Promise<LoadedModel> {
  const { built, warnings } = buildFromConfig(config, options);
  await beforeWeights?.(built);
  return withFreshWeights(built, options.seed ?? 0, warnings);
}

function buildFromConfig(
  config: HfConfig,
  options: ConfigOptions,
): { readonly built: BuiltModel; readonly warnings: readonly string[] } {
  const family = familyOf(config);
  const task = taskOf(family, config, options.task);
  const classes = options.classes ?? classesOf(config);
  const warnings: string[] = [];
  const full = configFor(config, family, task, classes, options, warnings);
  const processor = family.defaultProcessor(full);
  const processorConfig = options.imageSize ? withImageSize(processor, options.imageSize) : processor;
  const built = { model: family.build(full, task), family, config: full, processorConfig, classes };
  return { built, warnings: [...warnings, ...trainAll(built)] };
}

/**
 * Parts that a pretrained model keeps frozen (DETR's backbone) are trained where weights start fresh: there is nothing
 * in them yet that freezing would protect. Returns what there is to say about it.
 */
function trainAll({ model, config }: BuiltModel): string[] {
  const frozen = [...model.parameters()].filter(([, parameter]) => !parameter.requiresGrad);
  for (const [, parameter] of frozen) parameter.requiresGrad = true;
  if (frozen.length === 0) return [];
  return [
    `model.pretrained=false: ${counted(frozen.length, 'parameter')} of a ${config.model_type} that would stay frozen with pretrained weights are trained`,
  ];
}

/** Weights as the original initialises them. */
function withFreshWeights(built: BuiltModel, seed: number, warnings: readonly string[]): LoadedModel {
  initialize(built.model, seed);
  const counts = { classesKept: 0, classesNew: built.classes.size };
  return { ...built, report: { missing: [], unexpected: [], ...counts, pretrained: false, warnings } };
}

function configFor(
  checkpoint: HfConfig,
  family: Family,
  task: TaskName,
  classes: ClassMap,
  { classes: asked, imageSize, dropout, overrides }: PretrainedOptions,
  warnings: string[],
): HfConfig {
  let config: HfConfig = { ...checkpoint, ...overrides, model_type: checkpoint.model_type };
  if (asked) config = withClasses(config, classes);
  if (imageSize && family.withImageSize) config = family.withImageSize(config, imageSize);
  if (dropout !== undefined) {
    if (family.withDropout) config = family.withDropout(config, dropout);
    else warnings.push(`model.dropout=${dropout} has no effect: ${family.modelType} has no dropout`);
  }
  return { ...config, architectures: [family.architectures[task]] };
}

async function processorFor(
  files: ModelFiles,
  family: Family,
  config: HfConfig,
  { imageSize }: PretrainedOptions,
): Promise<ProcessorConfig> {
  const stored = (await files.has('preprocessor_config.json'))
    ? await files.json('preprocessor_config.json')
    : family.defaultProcessor(config);
  return imageSize ? withImageSize(stored, imageSize) : stored;
}
