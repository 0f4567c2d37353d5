import { describe, expect, test } from 'vitest';
import { chooseTask } from './tasks.ts';

const config = (architecture?: string, model_type = 'any', more = {}) => ({
  model_type,
  ...(architecture ? { architectures: [architecture] } : {}),
  ...more,
});

describe('chooseTask', () => {
  test.each([
    ['ViTForImageClassification', 'vit', 'classification', true],
    ['DeiTForImageClassificationWithTeacher', 'deit', 'classification', true],
    ['YolosForObjectDetection', 'yolos', 'detection', true],
    ['DetrForObjectDetection', 'detr', 'detection', true],
    ['RTDetrForObjectDetection', 'rt_detr', 'detection', false],
    ['OwlViTForObjectDetection', 'owlvit', 'zero-shot-object-detection', false],
    ['SegformerForSemanticSegmentation', 'segformer', 'image-segmentation', false],
    ['DetrForSegmentation', 'detr', 'image-segmentation', false],
    ['DPTForDepthEstimation', 'dpt', 'depth-estimation', false],
    ['CLIPModel', 'clip', 'zero-shot-image-classification', false],
  ])('%s', (architecture, type, task, own) => {
    expect(chooseTask(config(architecture, type), undefined, 'here')).toEqual({ task, own });
  });

  test('the attribute, by our name or the pipeline’s', () => {
    expect(chooseTask(config(), 'detection', 'here')).toEqual({ task: 'detection', own: false });
    expect(chooseTask(config(undefined, 'detr'), 'object-detection', 'here')).toEqual({
      task: 'detection',
      own: true,
    });
    expect(chooseTask(config('ViTModel'), 'image-feature-extraction', 'here').own).toBe(false);
  });

  test.each([
    [
      config('ViTForImageClassification'),
      'detection',
      /Expected a model for detection.*for classification, in here/,
    ],
    [
      config('ViTForImageClassification'),
      'juggling',
      /a task of classification, detection, image-seg.*juggling/,
    ],
    [config('ViTModel'), undefined, /architectures=ViTModel in here/],
    [config(), '', /architectures=none in here/],
  ])('refuses %j with task %j', (given, asked, message) => {
    expect(() => chooseTask(given, asked, 'here')).toThrow(message);
  });
});
