import { describe, expect, it } from 'vitest';
import { ConfigError, DataError, type OcelliError, type Raster, ShapeError } from '../../core/index.ts';
import { createProcessor, type ProcessorConfig } from '../index.ts';

const gray = (height: number, width: number, value = 100): Raster => ({
  height,
  width,
  data: new Uint8Array(height * width * 3).fill(value),
});

const detr = (changes: ProcessorConfig = {}): ProcessorConfig => ({
  image_processor_type: 'DetrImageProcessor',
  size: { shortest_edge: 20, longest_edge: 40 },
  ...changes,
});

function errorOf(run: () => unknown): OcelliError {
  try {
    run();
  } catch (error) {
    return error as OcelliError;
  }
  throw new Error('nothing was thrown');
}

describe('createProcessor', () => {
  it('lists the known processors when it meets an unknown one', () => {
    const error = errorOf(() => createProcessor({ image_processor_type: 'NopeImageProcessor' }));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain('DetrImageProcessor');
    expect(error.message).toContain('ViTImageProcessor');
    expect(error.received).toBe('image_processor_type=NopeImageProcessor');
    expect(errorOf(() => createProcessor({})).code).toBe('unknown_image_processor');
  });

  it('reports every wrong value at once', () => {
    const error = errorOf(() =>
      createProcessor({
        image_processor_type: 'ViTImageProcessor',
        size: { shortest_edge: 224 },
        resample: 9,
        image_mean: [0.5],
        do_resize: 'yes',
        image_std: [0, 1, 1],
      }),
    );
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.problems.map((problem) => problem.split(':')[0])).toEqual([
      'size',
      'do_resize',
      'resample',
      'image_mean',
      'image_std',
    ]);
  });

  it('reads the spellings of older files', () => {
    const vit = createProcessor({ feature_extractor_type: 'ViTFeatureExtractor', size: 96 });
    expect(vit.outputSize({ height: 50, width: 70 })).toEqual({ height: 96, width: 96 });
    const old = createProcessor({
      feature_extractor_type: 'DetrFeatureExtractor',
      size: 800,
      max_size: 1333,
    });
    expect(old.outputSize({ height: 480, width: 640 })).toEqual({ height: 800, width: 1066 });
    const convnext = createProcessor({ feature_extractor_type: 'ConvNextFeatureExtractor', size: 224 });
    expect(convnext.outputSize({ height: 480, width: 640 })).toEqual({ height: 224, width: 224 });
  });

  it('takes Hugging Face’s defaults for what is null or left out', () => {
    const vit = createProcessor({ image_processor_type: 'ViTImageProcessor', image_mean: null });
    const { pixelValues } = vit.preprocess(gray(10, 10, 255));
    expect(pixelValues).toHaveLength(3 * 224 * 224);
    expect(pixelValues[0]).toBe(1);
  });

  it('leaves out the steps that are turned off', () => {
    const still = createProcessor({
      image_processor_type: 'ViTImageProcessor',
      do_resize: false,
      do_rescale: false,
      do_normalize: false,
    });
    const { pixelValues, size } = still.preprocess(gray(3, 5, 7));
    expect(size).toEqual({ height: 3, width: 5 });
    expect(new Set(pixelValues)).toEqual(new Set([7]));
  });
});

describe('a batch', () => {
  it('is padded right and bottom, with a mask and boxes relative to the padded size', () => {
    const processor = createProcessor(detr());
    const wide = processor.preprocess(gray(20, 40), {
      image_id: 1,
      annotations: [{ category_id: 9, bbox: [10, 5, 20, 10], area: 200 }],
    });
    const tall = processor.preprocess(gray(40, 20), { image_id: 2, annotations: [] });
    const batch = processor.collate([wide, tall]);
    expect(batch.shape).toEqual([2, 3, 40, 40]);
    expect(batch.pixelMask?.reduce((a, b) => a + b, 0)).toBe(2 * 20 * 40);
    expect(batch.pixelValues[20 * 40]).toBe(0);
    expect([...batch.labels![0]!.boxes]).toEqual([0.5, 0.25, 0.5, 0.25]);
    expect(batch.labels![0]!.size).toEqual({ height: 40, width: 40 });
    expect(processor.collate([wide], { height: 64, width: 48 }).shape).toEqual([1, 3, 64, 48]);
  });

  it('says which image is too large for the padded size', () => {
    const processor = createProcessor(detr({ pad_size: { height: 16, width: 16 } }));
    const error = errorOf(() => processor.collate([processor.preprocess(gray(20, 40))]));
    expect(error).toBeInstanceOf(ShapeError);
    expect(error.received).toBe('an image of 20 x 40');
  });

  it('is refused when sizes differ and nothing pads', () => {
    const processor = createProcessor(detr({ do_pad: false }));
    expect(processor.hasPixelMask).toBe(false);
    const images = [processor.preprocess(gray(20, 40)), processor.preprocess(gray(20, 20))];
    expect(errorOf(() => processor.collate(images)).code).toBe('image_sizes_differ');
  });
});

describe('labels', () => {
  it('drop crowds and boxes outside, and remember which were kept', () => {
    const { labels } = createProcessor(detr()).preprocess(gray(20, 40), {
      image_id: 'a',
      annotations: [
        { category_id: 1, bbox: [0, 0, 5, 5], iscrowd: 1 },
        { category_id: 2, bbox: [50, 5, 5, 5] },
        { category_id: 3, bbox: [-5, -5, 10, 10], area: 100 },
      ],
    });
    expect([...labels!.kept]).toEqual([2]);
    expect([...labels!.classLabels]).toEqual([3]);
    expect([...labels!.corners]).toEqual([0, 0, 5, 5]);
  });

  it('need a detection processor, and a mask for every object when masks are asked for', () => {
    const annotations = { image_id: 1, annotations: [{ category_id: 1, bbox: [0, 0, 5, 5] as const }] };
    const vit = createProcessor({ image_processor_type: 'ViTImageProcessor' });
    expect(errorOf(() => vit.preprocess(gray(9, 9), annotations)).code).toBe('annotations_not_supported');
    const processor = createProcessor(detr());
    const error = errorOf(() => processor.preprocess(gray(20, 40), annotations, { masks: true }));
    expect(error).toBeInstanceOf(DataError);
  });
});

describe('a pose processor', () => {
  const processor = createProcessor({
    image_processor_type: 'VitPoseImageProcessor',
    size: { height: 40, width: 30 },
    do_normalize: false,
    do_rescale: false,
  });

  it('looks at the surroundings of a box, black outside the picture', () => {
    const inside = processor.preprocess(gray(200, 200), undefined, { box: [80, 80, 30, 40] });
    expect(inside.size).toEqual({ height: 40, width: 30 });
    expect(new Set(inside.pixelValues)).toEqual(new Set([100]));
    const corner = processor.transform(gray(200, 200), [-15, -20, 30, 40]);
    expect(corner.data[0]).toBe(0);
    expect(corner.data.at(-1)).toBe(100);
  });

  it('needs the box, with an area', () => {
    expect(errorOf(() => processor.preprocess(gray(9, 9))).code).toBe('box_not_supported');
    expect(errorOf(() => processor.transform(gray(9, 9), [1, 1, 0, 5]))).toBeInstanceOf(DataError);
    const vit = createProcessor({ image_processor_type: 'ViTImageProcessor' });
    expect(errorOf(() => vit.transform(gray(9, 9), [1, 1, 5, 5]))).toBeInstanceOf(ConfigError);
  });
});
