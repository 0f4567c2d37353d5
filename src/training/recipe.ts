/** From a recipe to the loop's own terms. */
import type { Recipe } from '../config/index.ts';
import type { TrainingSettings } from './settings.ts';

/** A recipe's training section in these terms. */
export function settingsOf({ model, training }: Recipe): TrainingSettings {
  return {
    seed: training.seed,
    plan: {
      maxEpochs: training.max_epochs,
      maxSteps: training.max_steps ?? undefined,
      accumulate: training.accumulate_grad_batches,
      valCheckInterval: training.val_check_interval,
      checkpointEverySteps: training.checkpoint_every_n_steps ?? undefined,
    },
    optimizer: { name: training.optimizer, options: training.optimizer_params },
    schedule: training,
    groups: {
      backboneLearningRateFactor: training.backbone_learning_rate_factor,
      weightDecay: training.weight_decay,
      noDecayNormBias: training.no_decay_norm_bias,
    },
    freeze: model.freeze,
    clip: training.gradient_clip_val
      ? { kind: training.gradient_clip_algorithm, limit: training.gradient_clip_val }
      : undefined,
    mix: { mixupAlpha: model.mixup_alpha, cutmixAlpha: model.cutmix_alpha },
    average: training.ema_decay
      ? { decay: training.ema_decay, startStep: training.ema_start_step }
      : undefined,
    monitor: { metric: training.monitor_metric, mode: training.monitor_mode },
    earlyStoppingPatience: training.early_stopping_patience ?? undefined,
    saveTopK: training.save_top_k,
    logEverySteps: training.log_every_n_steps,
    precision: training.precision,
    checkpointActivations: training.checkpoint_activations,
  };
}
