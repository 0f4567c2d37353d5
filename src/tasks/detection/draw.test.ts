import { describe, expect, it } from 'vitest';
import { ClassMap, type Raster } from '../../core/index.ts';
import { classColor } from '../../vision/index.ts';
import { drawAnnotations, drawDetections } from './draw.ts';

const classes = new ClassMap([
  { id: 7, name: 'ant' },
  { id: 9, name: 'bee' },
]);
const image: Raster = { height: 400, width: 400, data: new Uint8Array(400 * 400 * 3).fill(50) };

function has({ data, width }: Raster, color: string, x: number, y: number): boolean {
  const at = (y * width + x) * 3;
  return Buffer.from(data.subarray(at, at + 3)).toString('hex') === color.slice(1);
}

describe('drawDetections', () => {
  const prediction = {
    scores: Float32Array.of(0.5, 0.9, 0.8),
    labels: Int32Array.of(0, 1, 0),
    boxes: Float32Array.of(10, 200, 60, 250, 100, 200, 150, 250, 200, 200, 250, 250),
  };

  it('draws what is above the threshold, each class in its colour', async () => {
    const drawn = await drawDetections(image, prediction, classes);
    expect(has(drawn, classColor(0), 35, 250)).toBe(false);
    expect(has(drawn, classColor(1), 125, 250)).toBe(true);
    expect(has(drawn, classColor(0), 225, 250)).toBe(true);
  });

  it('keeps the best where there are too many', async () => {
    const drawn = await drawDetections(image, prediction, classes, { threshold: 0, maxBoxes: 1 });
    expect(has(drawn, classColor(1), 125, 250)).toBe(true);
    expect(has(drawn, classColor(0), 225, 250)).toBe(false);
  });
});

describe('drawAnnotations', () => {
  it('gives an annotation the colour that its class has in predictions', async () => {
    const annotation = {
      id: 1,
      categoryId: 9,
      bbox: [100, 200, 50, 50] as const,
      area: 2500,
      iscrowd: false,
    };
    const drawn = await drawAnnotations(image, [annotation], classes);
    expect(has(drawn, classColor(1), 125, 250)).toBe(true);
  });
});
