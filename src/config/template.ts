/**
 * A recipe to start from, for `ocelli init`: the keys that people change first, each with the schema's own
 * explanation beside it, so that the comments stay true.
 */
import { Document, isMap, isScalar, type YAMLMap } from 'yaml';
import { z } from 'zod';
import { unwrap } from './keys.ts';
import { recipeSchema } from './schema/index.ts';
import { schemaLine } from './write.ts';

export const templateTasks = ['classification', 'detection'] as const;
export type TemplateTask = (typeof templateTasks)[number];

export interface TemplateOptions {
  /** Address of `recipe.schema.json`, for the first line. */
  readonly schema: string;
  /** Instead of the task's usual checkpoint. */
  readonly model?: string;
}

type Tree = { readonly [key: string]: unknown };

const templates: Readonly<Record<TemplateTask, (model?: string) => Tree>> = {
  classification: (model = 'google/vit-base-patch16-224') => ({
    model: { model_name: model, task_type: 'classification', freeze: [], label_smoothing: 0 },
    data: {
      train_data_path: 'data/train',
      val_data_path: 'data/val',
      test_data_path: null,
      format: 'auto',
      batch_size: 16,
      augmentations: {
        random_crop: true,
        horizontal_flip: true,
        rotation: 15,
        color_jitter: { brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.1 },
      },
      class_weights: null,
      sampler: 'shuffle',
    },
    training: {
      ...training(10, 5e-5, 'val_accuracy'),
      early_stopping_patience: 3,
    },
    ...tracking('classification'),
  }),
  detection: (model = 'facebook/detr-resnet-50') => ({
    model: {
      model_name: model,
      task_type: 'detection',
      image_size: 480,
      confidence_threshold: 0.5,
      freeze: [],
    },
    data: {
      train_data_path: 'data/train',
      train_annotation_file: 'data/annotations/train.json',
      val_data_path: 'data/val',
      val_annotation_file: 'data/annotations/val.json',
      test_data_path: null,
      test_annotation_file: null,
      batch_size: 4,
      augmentations: { horizontal_flip: true, random_resize: [0.8, 1.2], brightness_contrast: 0.2 },
    },
    training: {
      ...training(50, 1e-4, 'val_map'),
      backbone_learning_rate_factor: 0.1,
      gradient_clip_val: 0.1,
      accumulate_grad_batches: 4,
      early_stopping_patience: 10,
    },
    ...tracking('detection'),
  }),
};

function training(epochs: number, rate: number, metric: string): Tree {
  return {
    max_epochs: epochs,
    learning_rate: rate,
    weight_decay: 1e-4,
    scheduler: 'cosine',
    warmup_ratio: 0.05,
    precision: 'fp32',
    seed: 42,
    monitor_metric: metric,
  };
}

function tracking(task: TemplateTask): Tree {
  return {
    mlflow: { tracking_uri: null, experiment_name: `${task}_training`, run_name: null, log_model: 'best' },
    output: { results_dir: 'runs' },
  };
}

/** The recipe's text. */
export function recipeTemplate(task: TemplateTask, options: TemplateOptions): string {
  const document = new Document(templates[task](options.model), { version: '1.2' });
  explain(document.contents as unknown as YAMLMap, recipeSchema);
  const head = [
    schemaLine(options.schema),
    '#',
    '# Every key, with its default: docs/recipe.md. Any of them can be given on the command line instead:',
    '#   ocelli train recipe.yaml training.max_epochs=3',
  ];
  return `${head.join('\n')}\n\n${document.toString({ lineWidth: 0 })}`;
}

/** Puts the schema's explanations above sections and keys. */
function explain(map: YAMLMap, schema: z.ZodType, depth = 0): void {
  const object = unwrap(schema);
  const shape = object instanceof z.ZodObject ? (object.shape as Record<string, z.ZodType>) : {};
  for (const [index, { key, value }] of map.items.entries()) {
    if (!isScalar(key)) continue;
    const field = shape[String(key.value)];
    if (field?.description) key.commentBefore = ` ${field.description}`;
    key.spaceBefore = depth === 0 && index > 0;
    if (isMap(value)) {
      if (depth < 1) explain(value, field ?? z.unknown(), depth + 1);
      else for (const item of value.items) if (isMap(item.value)) item.value.flow = true;
    }
    if (typeof value === 'object' && value !== null && 'items' in value && !isMap(value)) {
      (value as { flow?: boolean }).flow = true;
    }
  }
  for (const { value } of map.items) if (isMap(value)) flowLists(value);
}

function flowLists(map: YAMLMap): void {
  for (const { value } of map.items) {
    if (typeof value === 'object' && value !== null && 'items' in value && !isMap(value)) {
      (value as { flow?: boolean }).flow = true;
    }
  }
}
