import { expect, test } from 'vitest';
import { createProcessor } from '../../vision/index.ts';
import { withProcessorType } from './processor-type.ts';

test('a processor without a name is that of the family, with what it says', () => {
  const early = { do_normalize: true, do_resize: true, size: 64 };
  const vit = createProcessor(withProcessorType(early, 'vit'));
  expect(vit.type).toBe('ViTImageProcessor');
  expect(vit.outputSize({ height: 20, width: 30 })).toEqual({ height: 64, width: 64 });
  expect(createProcessor(withProcessorType({}, 'resnet')).type).toBe('ConvNextImageProcessor');
  expect(createProcessor(withProcessorType({}, 'table-transformer')).type).toBe('DetrImageProcessor');
});

test('one that says its name keeps it, and an unknown family names none', () => {
  const named = { feature_extractor_type: 'DeiTFeatureExtractor' };
  expect(withProcessorType(named, 'vit')).toBe(named);
  for (const family of ['beit', 'toString', undefined, 3]) expect(withProcessorType({}, family)).toEqual({});
});
