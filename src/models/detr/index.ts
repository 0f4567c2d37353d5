/** The DETR family. */
import { detectionProcessor } from '../detection-processor.ts';
import type { Family } from '../types.ts';
import { DetrForObjectDetection } from './model.ts';

export const detr: Family = {
  modelType: 'detr',
  architectures: { detection: 'DetrForObjectDetection' },
  baseModelPrefix: 'model.',
  build: (config, task) => new DetrForObjectDetection(config, task),
  withDropout: (config, rate) => ({ ...config, dropout: rate }),
  // The backbone's weights are in the file: nothing is to be fetched for it.
  savedConfig: (config) => ({ ...config, use_pretrained_backbone: false }),
  defaultProcessor: () => detectionProcessor('DetrImageProcessor'),
};
