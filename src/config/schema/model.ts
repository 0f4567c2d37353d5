/**
 * `model`: which checkpoint, which task, and how the model is changed for it.
 *
 * Where the architecture comes from:
 *   pretrained: true    the checkpoint `model_name`; `config` may override fields that keep its shapes
 *   pretrained: false   `config` with a `model_type` describes it whole (missing fields take Hugging Face's
 *                       defaults) and `model_name` is a label; without a `model_type`, the checkpoint's
 *                       `config.json` is read, `config` overrides its fields, and weights are initialised
 */
import { z } from 'zod';
import { type TaskName, taskNames } from '../../core/index.ts';
import { taskAliases } from './tasks.ts';

const pixels = z.int().min(1).max(16_384);
const share = z.number().min(0).lt(1);

/** A number means the shortest edge, or a square; two numbers are a fixed [height, width]. */
export const imageSizeSchema = z.union(
  [
    pixels,
    z.tuple([pixels, pixels]).transform((size) => squareOrPair(size)),
    z
      .strictObject({ height: pixels, width: pixels })
      .transform(({ height, width }) => squareOrPair([height, width])),
  ],
  { error: 'expected a whole number of pixels, [height, width] or { height, width }' },
);

function squareOrPair([height, width]: readonly [number, number]): number | readonly [number, number] {
  return height === width ? height : [height, width];
}

export const modelSchema = z.strictObject({
  model_name: z
    .string()
    .min(1)
    .describe(
      'Hub id, Hugging Face folder, run folder, any place (`/Volumes/…`, `s3://…`), or a model of an MLflow registry (`models:/name@alias`, `models:/name/3`). With `pretrained: false` and a `config.model_type`, any label',
    ),
  task_type: z
    .enum([...taskNames, ...Object.keys(taskAliases)] as [string, ...string[]])
    .transform((name): TaskName => taskAliases[name] ?? (name as TaskName))
    .describe(
      `What the model learns: ${taskNames.join(', ')} (universal_segmentation = panoptic_segmentation)`,
    ),
  num_classes: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe('Number of classes. Left out: taken from the data. Given: checked against the data'),
  pretrained: z
    .boolean()
    .default(true)
    .describe("Start from the checkpoint's weights. false: initialise as Hugging Face does"),
  config: z
    .record(z.string(), z.unknown())
    .default({})
    .describe(
      'Fields of the Hugging Face config.json that override or, with a `model_type` and `pretrained: false`, define the architecture',
    ),
  image_size: imageSizeSchema
    .nullable()
    .default(null)
    .describe(
      "n or [n, n]: `shortest_edge` (longest_edge scales alike) where the processor keeps the aspect ratio, else the fixed size. Left out: the checkpoint's",
    ),
  freeze: z
    .array(z.string().min(1))
    .default([])
    .describe('Globs of parameter names that are not trained, for example `vit.embeddings.**`'),
  dropout: share.default(0).describe('Dropout before the classification head'),
  mixup_alpha: z.number().min(0).default(0).describe('Classification: mixup with Beta(α, α). 0: off'),
  cutmix_alpha: z.number().min(0).default(0).describe('Classification: CutMix with Beta(α, α). 0: off'),
  label_smoothing: share
    .default(0)
    .describe(
      'Classification: share of the target spread over all classes; with several labels per image, of each target moved to 0.5',
    ),
  confidence_threshold: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('Lowest score of a detection that `predict` keeps. Metrics see every score'),
  max_detections: z.int().min(1).default(100).describe('Most detections kept for one image by `predict`'),
});
