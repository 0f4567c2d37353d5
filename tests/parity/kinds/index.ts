/** Every kind of reference case and who checks it. A handler is loaded when a case of its kind is met. */
import type { KindHandler } from '../case.ts';

export const kinds: Readonly<Record<string, () => Promise<KindHandler>>> = {
  lr_schedules: async () => (await import('./lr_schedules.ts')).lrSchedules,
  coco_eval: async () => (await import('./coco_eval.ts')).cocoEval,
  coco_eval_generated: async () => (await import('./coco_eval.ts')).cocoEvalGenerated,
  classification_metrics: async () => (await import('./classification_metrics.ts')).classificationMetrics,
};
