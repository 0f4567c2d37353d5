/** `training`: how long, how fast, what is watched, what is kept. */
import { z } from 'zod';

export const optimizerOptions: Readonly<Record<string, readonly string[]>> = {
  adamw: ['betas', 'eps', 'amsgrad', 'maximize'],
  adam: ['betas', 'eps', 'amsgrad', 'maximize'],
  sgd: ['momentum', 'dampening', 'nesterov', 'maximize'],
  rmsprop: ['alpha', 'eps', 'momentum', 'centered', 'maximize'],
  adagrad: ['lr_decay', 'initial_accumulator_value', 'eps', 'maximize'],
};

/** What `scheduler_params` may hold for each scheduler. */
export const schedulerOptions: Readonly<Record<string, readonly string[]>> = {
  cosine: ['T_max', 'eta_min'],
  linear: ['T_max', 'eta_min'],
  polynomial: ['T_max', 'eta_min', 'power'],
  step: ['step_size', 'gamma'],
  exponential: ['gamma'],
  plateau: ['factor', 'patience', 'threshold', 'threshold_mode', 'cooldown', 'min_lr', 'eps'],
  constant: [],
};

const optimizerNames = ['adamw', 'adam', 'sgd', 'rmsprop', 'adagrad'] as const;
/** As `training.scheduler` spells them; training/schedules carries them out. */
export const schedulerNames = [
  'cosine',
  'linear',
  'polynomial',
  'step',
  'exponential',
  'plateau',
  'constant',
] as const;
export type OptimizerName = (typeof optimizerNames)[number];
export type SchedulerName = (typeof schedulerNames)[number];

const count = z.int().min(0);
const rate = z.number().min(0);
const optional = <T extends z.ZodType>(schema: T) => schema.nullable().optional();

export const schedulerParamsSchema = z.strictObject({
  T_max: optional(z.number().gt(0)).describe('cosine, linear, polynomial: length in epochs (max_epochs)'),
  eta_min: optional(rate).describe('cosine, linear, polynomial: lowest rate (0)'),
  power: optional(z.number().gt(0)).describe('polynomial: exponent (1)'),
  step_size: optional(z.int().min(1)).describe('step: epochs between two cuts (30)'),
  gamma: optional(z.number().gt(0)).describe('step, exponential: factor of each cut (0.1; exponential 0.95)'),
  factor: optional(z.number().gt(0).lt(1)).describe('plateau: factor of a cut (0.1)'),
  patience: optional(count).describe('plateau: evaluations without progress before a cut (10)'),
  threshold: optional(rate).describe('plateau: what counts as progress (1e-4)'),
  threshold_mode: optional(z.enum(['rel', 'abs'])).describe('plateau: threshold relative or absolute (rel)'),
  cooldown: optional(count).describe('plateau: evaluations to wait after a cut (0)'),
  min_lr: optional(rate).describe('plateau: lowest rate (0)'),
  eps: optional(rate).describe('plateau: smallest change that is made (1e-8)'),
});

export const optimizerParamsSchema = z.strictObject({
  betas: z
    .tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)], { error: 'expected two numbers in [0, 1)' })
    .optional()
    .describe('adam, adamw (0.9, 0.999)'),
  eps: z.number().min(0).optional().describe('adam, adamw, rmsprop (1e-8), adagrad (1e-10)'),
  amsgrad: z.boolean().optional().describe('adam, adamw (false)'),
  momentum: z.number().min(0).optional().describe('sgd, rmsprop (0)'),
  dampening: z.number().optional().describe('sgd (0)'),
  nesterov: z.boolean().optional().describe('sgd (false)'),
  alpha: z.number().min(0).max(1).optional().describe('rmsprop (0.99)'),
  centered: z.boolean().optional().describe('rmsprop (false)'),
  lr_decay: z.number().min(0).optional().describe('adagrad (0)'),
  initial_accumulator_value: z.number().min(0).optional().describe('adagrad (0)'),
  maximize: z.boolean().optional().describe('all (false)'),
});

const precision = z
  .union(
    [
      z.enum(['fp32', 'fp16']),
      z.enum(['32', '32-true']).transform(() => 'fp32' as const),
      z.enum(['16', '16-mixed']).transform(() => 'fp16' as const),
      z.literal(32).transform(() => 'fp32' as const),
      z.literal(16).transform(() => 'fp16' as const),
    ],
    { error: 'expected fp32 or fp16' },
  )
  .prefault('fp32');

export const trainingSchema = z.strictObject({
  max_epochs: z.int().min(1).default(100).describe('Passes over the training images'),
  max_steps: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe('Optimiser steps after which the run ends in any case'),
  learning_rate: z.number().gt(0).default(1e-4).describe('Peak learning rate'),
  backbone_learning_rate_factor: rate
    .default(1)
    .describe('Factor on the rate of parameters below `backbone`'),
  weight_decay: rate.default(1e-4).describe('Weight decay; decoupled for adamw'),
  no_decay_norm_bias: z.boolean().default(false).describe('No weight decay on norms and biases'),
  optimizer: z
    .enum([...optimizerNames, 'AdamW', 'Adam', 'SGD', 'RMSprop', 'Adagrad'])
    .transform((name): OptimizerName => name.toLowerCase() as OptimizerName)
    .prefault('adamw')
    .describe(`${optimizerNames.join(', ')}`),
  optimizer_params: optimizerParamsSchema.default({}).describe("Options by torch's names and defaults"),
  scheduler: z
    .enum([...schedulerNames, 'none'])
    .transform((name): SchedulerName => (name === 'none' ? 'constant' : name))
    .prefault('cosine')
    .describe(`Course of the learning rate after warmup: ${schedulerNames.join(', ')}`),
  scheduler_params: schedulerParamsSchema.default({}).describe('Options of the scheduler'),
  warmup_steps: count.default(0).describe('Linear warmup from 0, in optimiser steps'),
  warmup_epochs: rate.default(0).describe('Linear warmup from 0, in epochs'),
  warmup_ratio: z.number().min(0).max(1).default(0).describe('Linear warmup from 0, as a share of the run'),
  gradient_clip_val: rate
    .nullable()
    .default(null)
    .describe('Largest gradient norm (or value). Left out or 0: no clipping'),
  gradient_clip_algorithm: z
    .enum(['norm', 'value'])
    .default('norm')
    .describe('Clip by global norm or by value'),
  accumulate_grad_batches: z
    .int()
    .min(1)
    .default(1)
    .describe('Batches whose gradients make one optimiser step'),
  precision: precision.describe('fp32, or fp16 where the device has it'),
  checkpoint_activations: z
    .boolean()
    .default(false)
    .describe('Recompute activations in the backward pass to save memory, where steps are compiled (WebGPU)'),
  seed: z.int().min(0).default(42).describe('Seed of everything random in the run'),
  ema_decay: z
    .number()
    .gt(0)
    .lt(1)
    .nullable()
    .default(null)
    .describe('Decay of the moving average of the weights. Left out: off'),
  ema_start_step: count.default(0).describe('Optimiser step at which the average begins'),
  early_stopping_patience: count
    .nullable()
    .default(10)
    .describe('Evaluations without progress of the monitored metric after which the run ends. null: never'),
  monitor_metric: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('Metric that decides the best checkpoint, early stopping and plateau. Left out: by task'),
  monitor_mode: z
    .enum(['min', 'max'])
    .nullable()
    .default(null)
    .describe('Whether smaller or larger is better. Left out: by metric'),
  checkpoint_dir: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('A place that gets a copy of each checkpoint'),
  save_top_k: z.int().min(-1).default(3).describe('Best checkpoints that are kept beside the last; −1: all'),
  checkpoint_every_n_steps: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Also write the last checkpoint every so many optimiser steps, beside those of epochs and evaluations',
    ),
  val_check_interval: z
    .number()
    .gt(0)
    .default(1)
    .describe(
      'Evaluate after this share of an epoch (up to 1), or every so many optimiser steps (whole, above 1)',
    ),
  log_every_n_steps: z
    .int()
    .min(1)
    .default(50)
    .describe('Optimiser steps between two `step` lines that are tracked'),
  distributed: z.boolean().default(false).describe('Train on several machines (not yet: true is a warning)'),
});
