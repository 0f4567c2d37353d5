/**
 * What a model is to the rest of the house: a tree of named parameters with a forward pass that speaks Hugging
 * Face's names at its border (`pixel_values` [batch, 3, height, width] in, `logits`, `pred_boxes` out), and a
 * family that knows how to make one from a `config.json`.
 */
import type { Size, TaskName } from '../core/index.ts';
import type { tf } from '../engine/index.ts';
import { type ForwardContext, Module } from '../nn/index.ts';

/** A parsed `config.json`. */
export type HfConfig = Readonly<Record<string, unknown>> & { readonly model_type: string };

/** A parsed `preprocessor_config.json`. */
export type ProcessorConfig = Readonly<Record<string, unknown>>;

export interface ModelInputs {
  /** float32 [batch, 3, height, width], normalised. */
  readonly pixel_values: tf.Tensor;
  /** 1 = image, 0 = padding, [batch, height, width], any numeric type. Left out: no padding. */
  readonly pixel_mask?: tf.Tensor;
}

/** What a model returns, by Hugging Face's names (`logits`, `pred_boxes`, `auxiliary_outputs.0.logits`, …). */
export type ModelOutputs = Readonly<Record<string, tf.Tensor>>;

/** Where a model keeps one row per class, so that rows of known classes can be carried over to a new class map. */
export interface ClassHead {
  /** A parameter whose first dimension counts classes. */
  readonly parameter: string;
  /** Rows after those of the classes: DETR's no-object row. */
  readonly extraRows: number;
}

export abstract class VisionModel extends Module {
  constructor(
    /** The `config.json` that the model was built from, with every field that was given. */
    readonly config: HfConfig,
    readonly task: TaskName,
  ) {
    super();
  }

  get modelType(): string {
    return this.config.model_type;
  }

  abstract readonly classHeads: readonly ClassHead[];

  /** Whether padding has to be told: `pixel_mask` goes into the forward pass. */
  readonly takesPixelMask: boolean = false;

  /** Parameters that `backbone_learning_rate_factor` slows down: those below one of these names. */
  protected abstract readonly backbonePrefix: string;

  isBackbone(parameterName: string): boolean {
    return parameterName.startsWith(this.backbonePrefix);
  }

  /** Names in a checkpoint that the original ignores as well: neither missing nor unexpected. */
  ignoresOnLoad(_name: string): boolean {
    return false;
  }

  abstract forward(inputs: ModelInputs, context: ForwardContext): ModelOutputs;
}

/** One Hugging Face family, a row of the registry. */
export interface Family {
  /** `model_type` in `config.json`. */
  readonly modelType: string;
  /** The class in `transformers` for each task that the family can do. */
  readonly architectures: Readonly<Partial<Record<TaskName, string>>>;
  /** What a headless checkpoint leaves out in front of its names (`vit.`), `base_model_prefix` in the original. */
  readonly baseModelPrefix: string;
  /** Builds the model without memory. Throws a ConfigError for what the family does not support. */
  build(config: HfConfig, task: TaskName): VisionModel;
  /** The processor of the original, for checkpoints without `preprocessor_config.json`. */
  defaultProcessor(config: HfConfig): ProcessorConfig;
  /** `config.json` for another input size, where the size shapes the weights. */
  withImageSize?(config: HfConfig, size: Size): HfConfig;
  /** `config.json` with another dropout rate; left out by families that have none. */
  withDropout?(config: HfConfig, rate: number): HfConfig;
  /** `config.json` as it is stored beside complete weights. */
  savedConfig?(config: HfConfig): HfConfig;
  /**
   * How a checkpoint's tensor of shape `from` becomes one of the model's shape (position embeddings at another
   * input size); undefined where it can't.
   */
  adaptTensor?(
    name: string,
    from: readonly number[],
    checkpoint: HfConfig,
    model: HfConfig,
  ): ((values: Float32Array) => Promise<Float32Array>) | undefined;
}
