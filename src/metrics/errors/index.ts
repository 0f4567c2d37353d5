/** What a model gets wrong, counted and by picture: for the report and the page, never for a score. */
export {
  type ClassificationClass,
  type ClassificationErrors,
  type ClassificationOutcome,
  classificationErrors,
  type WrongImage,
} from './classification.ts';
export {
  type ClassErrors,
  type DetectionErrorOptions,
  type DetectionErrors,
  detectionErrors,
  type FalsePositiveKind,
  falsePositiveKinds,
  type ImageErrors,
  type ObjectSize,
  objectSizes,
} from './detection.ts';
export type { DetectionImage } from './matching.ts';
