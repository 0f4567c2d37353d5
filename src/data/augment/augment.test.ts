import { describe, expect, it } from 'vitest';
import type { Augmentation } from '../../config/index.ts';
import { derive, type Raster } from '../../core/index.ts';
import {
  areaOf,
  boxOf,
  decodeMask,
  encodeMask,
  polygonsToRuns,
  rleToRuns,
  runsToRle,
} from '../../formats/rle/index.ts';
import type { AnnotatedImage, Annotation } from '../types.ts';
import {
  applyTransform,
  augment,
  augmentationRandom,
  changeColors,
  cropTo,
  flipHorizontally,
  flipVertically,
  rotateBy,
  rotateQuarters,
  transformAnnotation,
  transformKeypoints,
} from './index.ts';

const height = 60;
const width = 80;

/** A picture in which every pixel tells where it was. */
const image: Raster = {
  height,
  width,
  data: Uint8Array.from({ length: height * width * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return [pixel % width, Math.floor(pixel / width), (pixel * 7) % 251][i % 3]!;
  }),
};

const box = (x: number, y: number, w: number, h: number, more: Partial<Annotation> = {}): Annotation => ({
  id: 1,
  categoryId: 1,
  bbox: [x, y, w, h],
  area: w * h,
  iscrowd: false,
  ...more,
});

const sample = (...annotations: Annotation[]): AnnotatedImage => ({ image, annotations });
const always = (step: Record<string, unknown>): Augmentation => ({ ...step, p: 1 }) as Augmentation;

const everything: Augmentation[] = [
  { type: 'horizontal_flip', p: 0.5 },
  { type: 'vertical_flip', p: 0.5 },
  { type: 'rotation', degrees: 20, p: 0.8 },
  { type: 'color_jitter', brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.1, p: 0.8 },
  { type: 'random_crop', area: [0.8, 1], p: 0.8 },
  { type: 'random_resize', scale: [0.8, 1.2], p: 0.8 },
  { type: 'random_erasing', area: [0.02, 0.33], ratio: [0.3, 3.3], p: 0.5 },
];

describe('augment', () => {
  it('is a pure function of plan, seed, epoch and index', () => {
    const before = image.data.slice();
    const one = augment(sample(box(20, 20, 30, 20)), everything, augmentationRandom(1, 2, 3));
    const again = augment(sample(box(20, 20, 30, 20)), everything, augmentationRandom(1, 2, 3));
    const other = augment(sample(box(20, 20, 30, 20)), everything, augmentationRandom(1, 2, 4));
    expect(again).toEqual(one);
    expect(other.image).not.toEqual(one.image);
    expect(image.data).toEqual(before);
  });

  it('applies a step with its probability, and in the order given', () => {
    const plan: Augmentation[] = [{ type: 'horizontal_flip', p: 0.25 }];
    let flipped = 0;
    for (let i = 0; i < 2000; i++) {
      if (augment(sample(box(0, 0, 9, 9)), plan, augmentationRandom(7, 0, i)).annotations[0]!.bbox[0] > 0)
        flipped++;
    }
    expect(flipped / 2000).toBeGreaterThan(0.22);
    expect(flipped / 2000).toBeLessThan(0.28);
    expect(augment(sample(), [{ type: 'vertical_flip', p: 0 }], derive(1)).image).toBe(image);
  });

  it('draws crop and scale from the whole of their ranges and never outside', () => {
    const shares: number[] = [];
    const scales: number[] = [];
    for (let i = 0; i < 400; i++) {
      const crop = augment(sample(), [always({ type: 'random_crop', area: [0.8, 1] })], derive(1, i)).image;
      shares.push((crop.height * crop.width) / (height * width));
      const resized = augment(
        sample(),
        [always({ type: 'random_resize', scale: [0.8, 1.2] })],
        derive(2, i),
      ).image;
      scales.push(resized.height / height);
    }
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0.8);
    expect(Math.min(...shares)).toBeLessThan(0.83);
    expect(Math.max(...shares)).toBeGreaterThan(0.97);
    expect(Math.min(...scales)).toBeCloseTo(0.8, 1);
    expect(Math.max(...scales)).toBeCloseTo(1.2, 1);
  });

  it('erases a rectangle with the mean colour and leaves the objects', () => {
    const plan = [always({ type: 'random_erasing', area: [0.1, 0.1], ratio: [1, 1] })];
    const erased = augment(sample(box(5, 5, 50, 40)), plan, derive(4));
    const changed = Array.from({ length: height * width }, (_, i) =>
      [0, 1, 2].some((c) => erased.image.data[i * 3 + c] !== image.data[i * 3 + c]),
    ).filter(Boolean).length;
    expect(changed / (height * width)).toBeCloseTo(0.1, 1);
    expect(erased.annotations).toEqual([box(5, 5, 50, 40)]);
  });
});

describe('a transformation', () => {
  it('is undone by its inverse, pixel for pixel', () => {
    const object = box(10, 5, 20, 30, { segmentation: [[10, 5, 30, 5, 30, 35]] });
    for (const flip of [flipHorizontally, flipVertically]) {
      const there = applyTransform(sample(object), flip(image));
      expect(there.image).not.toEqual(image);
      expect(applyTransform(there, flip(there.image))).toEqual(sample(object));
    }
    const turned = applyTransform(sample(object), rotateQuarters(image, 1));
    expect(turned.image.data[0]).toBe(width - 1);
    expect(applyTransform(turned, rotateQuarters(turned.image, 3))).toEqual(sample(object));
  });

  it('by 180 degrees, sampled between pixels, equals the exact half turn', () => {
    const object = box(10, 5, 20, 30);
    const sampled = applyTransform(sample(object), rotateBy(image, 180));
    const exact = applyTransform(sample(object), rotateQuarters(image, 2));
    expect(sampled.image).toEqual(exact.image);
    sampled.annotations[0]!.bbox.forEach((value, i) => {
      expect(value).toBeCloseTo(exact.annotations[0]!.bbox[i]!, 9);
    });
  });

  it('turns against the clock: what was right of the centre goes up', () => {
    const { annotations } = applyTransform(sample(box(60, 28, 4, 4)), rotateBy(image, 30));
    const [, y] = annotations[0]!.bbox;
    expect(y).toBeLessThan(26);
  });

  it('moves the picture and the box of an object together', () => {
    const bright: Raster = { height, width, data: new Uint8Array(height * width * 3) };
    for (let y = 20; y < 30; y++)
      for (let x = 30; x < 55; x++) bright.data.fill(255, (y * width + x) * 3, (y * width + x) * 3 + 3);
    const object = box(30, 20, 25, 10);
    // Not rotation and crop in one plan: the bounds of a tilted outline, cut, are wider than what is left of it.
    const geometry = everything.filter(({ type }) => !['color_jitter', 'random_erasing'].includes(type));
    for (const left of ['rotation', 'random_crop']) {
      const plan = geometry.filter(({ type }) => type !== left);
      for (let i = 0; i < 100; i++) {
        const result = augment({ image: bright, annotations: [object] }, plan, augmentationRandom(5, 0, i));
        const found = boundsOfBright(result.image);
        const [x, y, w, h] = result.annotations[0]!.bbox;
        [x, y, x + w, y + h].forEach((value, side) => {
          expect(Math.abs(found![side]! - value), `side ${side} of ${i} without ${left}`).toBeLessThan(2);
        });
      }
    }
  });
});

function boundsOfBright({ data, ...size }: Raster): [number, number, number, number] | undefined {
  const mask = Uint8Array.from({ length: size.height * size.width }, (_, i) => (data[i * 3]! > 60 ? 1 : 0));
  const [x, y, w, h] = boxOf(encodeMask(mask, size));
  return w > 0 ? [x, y, x + w, y + h] : undefined;
}

describe('an object', () => {
  it('goes when less than a tenth of it is left', () => {
    const crop = cropTo(image, { x: 0, y: 0, width: 40, height });
    expect(transformAnnotation(box(37.1, 10, 30, 10), crop)).toBeUndefined();
    const kept = transformAnnotation(box(36.9, 10, 30, 10), crop);
    expect(kept?.bbox[2]).toBeCloseTo(3.1, 9);
    expect(kept?.area).toBeCloseTo(31, 9);
  });

  it('gets the bounds of its rotated outline, tighter than those of its corners', () => {
    const diamond = [40, 20, 50, 30, 40, 40, 30, 30];
    const plain = transformAnnotation(box(30, 20, 20, 20), rotateBy(image, 45))!;
    const outlined = transformAnnotation(
      box(30, 20, 20, 20, { segmentation: [diamond] }),
      rotateBy(image, 45),
    )!;
    expect(plain.bbox[2]).toBeCloseTo(Math.SQRT2 * 20, 6);
    expect(outlined.bbox[2]).toBeCloseTo(Math.SQRT2 * 10, 6);
    const rle = runsToRle(polygonsToRuns([diamond], image));
    const masked = transformAnnotation(box(30, 20, 20, 20, { segmentation: rle }), rotateBy(image, 45))!;
    expect(Math.abs(masked.bbox[2] - Math.SQRT2 * 10)).toBeLessThanOrEqual(2);
  });

  it('keeps polygons and RLE of the same shape the same under crop and flip', () => {
    const polygon = [10, 8, 50, 8, 50, 40, 30, 40, 30, 20, 10, 20];
    const rle = runsToRle(polygonsToRuns([polygon], image));
    for (const t of [flipHorizontally(image), cropTo(image, { x: 20, y: 10, width: 40, height: 40 })]) {
      const drawn = transformAnnotation(box(10, 8, 40, 32, { segmentation: [polygon] }), t)!;
      const masked = transformAnnotation(box(10, 8, 40, 32, { segmentation: rle }), t)!;
      const mask = rleToRuns(masked.segmentation as typeof rle);
      expect(polygonsToRuns(drawn.segmentation as number[][], t.to)).toEqual(mask);
      expect(decodeMask(mask).reduce((a, b) => a + b, 0)).toBe(areaOf(mask));
    }
  });

  it('exchanges left and right keypoints in a mirror image, and hides those outside', () => {
    const keypoints = [10, 5, 2, 70, 5, 1, 0, 0, 0];
    expect(transformKeypoints(keypoints, flipHorizontally(image), [[0, 1]])).toEqual([
      9, 5, 1, 69, 5, 2, 0, 0, 0,
    ]);
    const crop = cropTo(image, { x: 20, y: 0, width: 60, height });
    expect(transformKeypoints(keypoints, crop, [[0, 1]])).toEqual([-10, 5, 0, 50, 5, 1, 0, 0, 0]);
  });
});

describe('colours', () => {
  const still = { brightness: 1, contrast: 1, saturation: 1, hue: 0 };
  const pixel = (...values: number[]): Raster => ({
    height: 1,
    width: values.length / 3,
    data: Uint8Array.from(values),
  });

  it('stay when nothing changes, and turn full circle', () => {
    expect(changeColors(image, still)).toEqual(image);
    expect([...changeColors(pixel(255, 0, 0), { ...still, hue: 1 / 3 }).data]).toEqual([0, 255, 0]);
    expect([...changeColors(pixel(255, 0, 0), { ...still, hue: -1 / 3 }).data]).toEqual([0, 0, 255]);
    expect([...changeColors(pixel(10, 200, 90, 7, 7, 7), { ...still, hue: 1 }).data]).toEqual([
      10, 200, 90, 7, 7, 7,
    ]);
  });

  it('are scaled towards black, mean grey and each pixel’s grey', () => {
    expect([...changeColors(pixel(100, 200, 250), { ...still, brightness: 1.2 }).data]).toEqual([
      120, 240, 255,
    ]);
    expect([...changeColors(pixel(50, 50, 50, 150, 150, 150), { ...still, contrast: 0.5 }).data]).toEqual([
      75, 75, 75, 125, 125, 125,
    ]);
    expect([...changeColors(pixel(255, 0, 0), { ...still, saturation: 0 }).data]).toEqual([76, 76, 76]);
  });
});
