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
  type DetectionImage,
  detectionErrors,
  type FalsePositiveKind,
  falsePositiveKinds,
  type ImageErrors,
  type ObjectSize,
  objectSizes,
} from './detection.ts';
