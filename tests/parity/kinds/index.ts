/** Every kind of reference case and who checks it. A handler is loaded when a case of its kind is met. */
import type { KindHandler } from '../case.ts';

export const kinds: Readonly<Record<string, () => Promise<KindHandler>>> = {
  assignment: async () => (await import('./assignment.ts')).assignment,
  model: async () => (await import('./model.ts')).model,
  optimizers: async () => (await import('./optimizers.ts')).optimizers,
  grad_clip: async () => (await import('./grad_clip.ts')).gradClip,
  ema: async () => (await import('./ema.ts')).ema,
  lr_schedules: async () => (await import('./lr_schedules.ts')).lrSchedules,
  coco_eval: async () => (await import('./coco_eval.ts')).cocoEval,
  coco_eval_generated: async () => (await import('./coco_eval.ts')).cocoEvalGenerated,
  classification_metrics: async () => (await import('./classification_metrics.ts')).classificationMetrics,
  processor: async () => (await import('./processor.ts')).processor,
  resize_vectors: async () => (await import('./resize_vectors.ts')).resizeVectors,
  size_vectors: async () => (await import('./size_vectors.ts')).sizeVectors,
  rle: async () => (await import('./rle.ts')).rle,
  augmentation_geometry: async () => (await import('./augmentation_geometry.ts')).augmentationGeometry,
  interpolate_vectors: async () => (await import('./interpolate_vectors.ts')).interpolateVectors,
  postprocess: async () => (await import('./postprocess.ts')).postprocess,
};
