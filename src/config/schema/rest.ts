/** The small sections: `mlflow`, `output`, `tuning`. */
import { z } from 'zod';

const text = z.string().min(1);

export const mlflowSchema = z.strictObject({
  tracking_uri: text
    .nullable()
    .default(null)
    .describe(
      'Tracking server, or `databricks`. Left out: recorded in the run folder, to `ocelli push` later',
    ),
  experiment_name: text.nullable().default(null).describe('Experiment. Left out: <task>_training'),
  run_name: text
    .nullable()
    .default(null)
    .describe("Name of the run and its folder. Left out: the model's name"),
  registry_uri: text
    .nullable()
    .default(null)
    .describe(
      'Where `model.model_name: models:/…` is registered, if it is not the tracking server (`databricks-uc`)',
    ),
  registered_model_name: text.nullable().default(null).describe('Register the model under this name'),
  log_model: z
    .union(
      [
        z.enum(['all', 'best', 'none']),
        z.boolean().transform((on) => (on ? ('best' as const) : ('none' as const))),
      ],
      { error: 'expected all, best, none, true (best) or false (none)' },
    )
    .prefault('best')
    .describe('Checkpoints that are sent: all, best (true) or none (false)'),
  tags: z
    .record(
      z.string(),
      z
        .union([z.string(), z.number(), z.boolean()], { error: 'expected text' })
        .transform((value) => String(value)),
    )
    .default({})
    .describe('Tags of the run'),
});

export const outputSchema = z.strictObject({
  results_dir: text
    .default('runs')
    .describe('Folder in which run folders are made; `--out` names the run folder itself'),
  save_predictions: z
    .boolean()
    .default(true)
    .describe('Write COCO-style predictions of the final evaluation'),
  visualization: z
    .strictObject({
      save_images: z.boolean().default(true).describe('Draw predictions for the report'),
      confidence_threshold: z.number().min(0).max(1).default(0.5).describe('Lowest score that is drawn'),
      max_images: z.int().min(0).default(10).describe('Most pictures'),
      max_boxes: z.int().min(0).default(20).describe('Most boxes in a picture'),
      max_masks: z.int().min(0).default(20).describe('Most masks in a picture'),
    })
    .prefault({})
    .describe('Pictures of the report'),
});

export const tuningSchema = z
  .strictObject({
    search_space: z
      .record(z.string(), z.unknown())
      .default({})
      .describe('Recipe keys and where to search them'),
    num_samples: z.int().min(1).default(20).describe('Trials'),
    scheduler: text.default('asha').describe('How trials are stopped early'),
    metric: text.nullable().default(null).describe('What is optimised. Left out: training.monitor_metric'),
    mode: z.enum(['min', 'max']).nullable().default(null).describe('Left out: training.monitor_mode'),
  })
  .nullable()
  .default(null)
  .describe('Hyper-parameter search; `train` does not read it');
