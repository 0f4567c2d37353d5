/**
 * `data`: where the pictures and annotations are, and how batches are made of them. Paths are local, or name a
 * volume (`/Volumes/…`, `uc://…`, `s3://…`, `https://…`), or ask for generated samples (`sample:shapes?…`).
 */
import { z } from 'zod';
import { augmentationsSchema } from './augmentations.ts';

const path = z.string().min(1);
const three = z.tuple([z.number(), z.number(), z.number()], {
  error: 'expected three numbers, one per channel',
});

export const dataSchema = z.strictObject({
  train_data_path: path.describe(
    'Root of the training images; `sample:shapes?images=1200&seed=1` generates them',
  ),
  val_data_path: path.describe('Root of the validation images'),
  test_data_path: path
    .nullable()
    .default(null)
    .describe('Root of the test images. Left out: the run ends with its validation results'),
  train_annotation_file: path
    .nullable()
    .default(null)
    .describe(
      'COCO JSON of the training split, or the same as a table (`.parquet`). Left out: `annotations.json` beside or below the images, or class folders',
    ),
  val_annotation_file: path.nullable().default(null).describe('COCO JSON of the validation split'),
  test_annotation_file: path.nullable().default(null).describe('COCO JSON of the test split'),
  format: z
    .enum(['auto', 'coco', 'folder', 'voc', 'yolo', 'shards'])
    .default('auto')
    .describe('Annotation format; auto looks at what is there'),
  batch_size: z.int().min(1).default(16).describe('Images of one forward pass'),
  num_workers: z
    .union([z.int().min(0), z.literal('auto')], { error: 'expected a whole number ≥ 0 or auto' })
    .default('auto')
    .describe('Threads that decode and augment; 0: in the main thread; auto: by the cores of the machine'),
  normalize_mean: three
    .nullable()
    .default(null)
    .describe(
      "Mean of each channel, 0 to 1. Counts only with `pretrained: false`; otherwise the checkpoint's",
    ),
  normalize_std: three
    .nullable()
    .default(null)
    .describe(
      "Standard deviation of each channel. Counts only with `pretrained: false`; otherwise the checkpoint's",
    ),
  augment: z.boolean().default(true).describe('Master switch of `augmentations`'),
  augmentations: augmentationsSchema
    .default({})
    .describe(
      'Steps on training pictures before the processor, in the order given; each with probability `p` (0.5)',
    ),
  multi_label: z.boolean().default(false).describe('Classification: an image may have several classes'),
  class_weights: z
    .union([z.literal('balanced'), z.array(z.number().min(0)).min(1)], {
      error: 'expected balanced or a list of numbers ≥ 0, one per class',
    })
    .nullable()
    .default(null)
    .describe('Weights of the classes in the loss: balanced (inverse frequency) or one number per class'),
  sampler: z
    .enum(['shuffle', 'weighted'])
    .default('shuffle')
    .describe('Order of training images: shuffle, or weighted, which draws rare classes more often'),
  cache: z
    .boolean()
    .default(true)
    .describe('Keep what is fetched from far places on this machine (`~/.cache/ocelli/data`)'),
  fraction: z.number().gt(0).max(1).default(1).describe('Share of the training images that is used'),
  max_bad_fraction: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe(
      'Broken or missing images are set aside and counted; above this share the run ends with exit code 3',
    ),
});
