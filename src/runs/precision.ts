/** What `training.precision: fp16` needs of a device, asked before anything is loaded. */
import type { Recipe } from '../config/index.ts';
import type { RunEventBody } from '../core/index.ts';
import { type Device, hasHalfPrecision, requireHalfPrecision } from '../engine/index.ts';

export type Precision = Recipe['training']['precision'];

export function requirePrecision({ training }: Recipe, device: Device): void {
  if (training.precision !== 'fp16') return;
  requireHalfPrecision(
    device,
    'training.precision=fp16',
    'set training.precision to fp32 (training.checkpoint_activations saves memory as well)',
  );
}

/**
 * In which precision a model is evaluated: the one that was asked for, else that of its recipe, as its run
 * evaluated it. A device that lacks f16 evaluates in fp32 unless fp16 was asked for; that is told.
 */
export function evaluationPrecision(
  { training }: Recipe,
  asked: Precision | undefined,
  device: Device,
): { readonly precision: Precision; readonly warnings: readonly RunEventBody[] } {
  if (asked === 'fp16') requireHalfPrecision(device, 'an evaluation in fp16', 'evaluate in fp32');
  const precision = asked ?? training.precision;
  if (precision === 'fp32' || hasHalfPrecision(device)) return { precision, warnings: [] };
  const message = `the recipe says training.precision=fp16, which ${device.description} does not compute: this evaluation is in fp32, and its numbers differ a little from the run's own`;
  return { precision: 'fp32', warnings: [{ type: 'warning', code: 'evaluated_in_fp32', message }] };
}
