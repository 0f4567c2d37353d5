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
  /** Called with the model before its weights are made or fetched; what it throws ends the loading. */
  readonly beforeWeights?: ((model: VisionModel) => void) | undefined;
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
    if (!pretrained) {
      return fresh(
        { model, family, config, processorConfig, classes },
        seed,
        warnings,
        options.beforeWeights,
      );
    }
    options.beforeWeights?.(model);
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

/** A model from a config alone, with fresh weights. */
export function fromConfig(
  config: HfConfig,
  options: Pick<
    PretrainedOptions,
    'task' | 'classes' | 'seed' | 'imageSize' | 'dropout' | 'overrides' | 'beforeWeights'
  > = {},
): LoadedModel {
  const family = familyOf(config);
  const task = taskOf(family, config, options.task);
  const classes = options.classes ?? classesOf(config);
  const warnings: string[] = [];
  const full = configFor(config, family, task, classes, options, warnings);
  const processor = family.defaultProcessor(full);
  const processorConfig = options.imageSize ? withImageSize(processor, options.imageSize) : processor;
  const model = family.build(full, task);
  const { seed = 0, beforeWeights } = options;
  return fresh({ model, family, config: full, processorConfig, classes }, seed, warnings, beforeWeights);
}

/**
 * Fresh weights as the original initialises them. Parts that a pretrained model keeps frozen (DETR's backbone)
 * are trained then: there is nothing in them yet that freezing would protect.
 */
function fresh(
  loaded: Omit<LoadedModel, 'report'>,
  seed: number,
  warnings: readonly string[],
  beforeWeights?: (model: VisionModel) => void,
): LoadedModel {
  const told = [...warnings];
  const frozen = [...loaded.model.parameters()].filter(([, parameter]) => !parameter.requiresGrad);
  for (const [, parameter] of frozen) parameter.requiresGrad = true;
  if (frozen.length > 0) {
    told.push(
      `model.pretrained=false: ${counted(frozen.length, 'parameter')} of a ${loaded.config.model_type} that would stay frozen with pretrained weights are trained`,
    );
  }
  beforeWeights?.(loaded.model);
  initialize(loaded.model, seed);
  const counts = { classesKept: 0, classesNew: loaded.classes.size };
  return {
    ...loaded,
    report: { missing: [], unexpected: [], ...counts, pretrained: false, warnings: told },
  };
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
