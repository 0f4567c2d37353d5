/** The costs and coefficients of matching and loss, out of a model's `config.json`, with DETR's defaults. */
import { ConfigError } from '../../core/index.ts';
import type { DetectionLossWeights } from './loss.ts';
import type { DetectionTargetOptions } from './targets.ts';

export function detectionOptions(
  config: Readonly<Record<string, unknown>>,
  classWeights?: readonly number[],
): { readonly matching: DetectionTargetOptions; readonly loss: DetectionLossWeights } {
  const number = (field: string, fallback: number): number => {
    const value = config[field] ?? fallback;
    if (typeof value === 'number' && value >= 0) return value;
    throw new ConfigError({
      code: 'model_config_invalid',
      expected: `${field} in config.json to be a number ≥ 0`,
      received: JSON.stringify(value),
      fix: 'correct config.json',
    });
  };
  return {
    matching: {
      classCost: number('class_cost', 1),
      bboxCost: number('bbox_cost', 5),
      giouCost: number('giou_cost', 2),
      eosCoefficient: number('eos_coefficient', 0.1),
      classWeights,
    },
    loss: {
      bboxLossCoefficient: number('bbox_loss_coefficient', 5),
      giouLossCoefficient: number('giou_loss_coefficient', 2),
    },
  };
}
