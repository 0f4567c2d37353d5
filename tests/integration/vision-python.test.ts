/**
 * Image processors against Hugging Face's, masks against pycocotools, on pictures and polygons that no
 * reference case holds: bit for bit.
 *
 * Needs Python environments; they are installed by `bash scripts/python.sh torch|tools`.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { derive } from '../../src/core/index.ts';
import {
  areaOf,
  boxOf,
  countsToString,
  iouOfRuns,
  mergeRuns,
  polygonsToRuns,
} from '../../src/formats/rle/index.ts';
import { type CocoAnnotation, createProcessor, type ProcessorConfig } from '../../src/vision/index.ts';
import { pythonScript } from '../support/python-script.ts';

interface ProcessorCase {
  readonly height: number;
  readonly width: number;
  readonly config: ProcessorConfig;
  readonly annotations?: readonly CocoAnnotation[];
  readonly shape: readonly number[];
  readonly sha256: string;
  readonly labels?: Readonly<Record<'boxes' | 'area' | 'class_labels', readonly number[]>>;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-vision-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('image processors', () => {
  it('give the bytes of Hugging Face’s', async () => {
    const script = 'tests/integration/interop/image_processors.py';
    const cases = await pythonScript<ProcessorCase[]>('torch', script, [folder, '11', '60']);
    expect(cases).toHaveLength(60);
    for (const [index, { height, width, config, annotations, ...expected }] of cases.entries()) {
      const data = new Uint8Array(await readFile(join(folder, `${index}.rgb`)));
      const processor = createProcessor(config);
      const targets = annotations && { image_id: index, annotations };
      const batch = processor.collate([processor.preprocess({ height, width, data }, targets)]);
      const labels = batch.labels?.[0];
      const actual = {
        shape: batch.shape,
        sha256: createHash('sha256').update(batch.pixelValues).digest('hex'),
        ...(labels && {
          labels: { boxes: [...labels.boxes], area: [...labels.area], class_labels: [...labels.classLabels] },
        }),
      };
      expect(actual, `${index}: ${height} x ${width}, ${JSON.stringify(config)}`).toEqual(expected);
    }
  }, 600_000);
});

describe('masks', () => {
  it('are those of pycocotools', async () => {
    const random = derive(2, 'vision-python.test');
    const polygon = (height: number, width: number): number[] =>
      Array.from({ length: 2 * (3 + random.integer(9)) }, (_, i) => {
        const side = i % 2 === 0 ? width : height;
        const value = random.uniform(-0.3 * side, 1.3 * side);
        return random.next() < 0.3 ? Math.round(value) : value;
      });
    const images = Array.from({ length: 40 }, () => {
      const height = 1 + random.integer(70);
      const width = 1 + random.integer(70);
      const objects = Array.from({ length: 4 }, () =>
        Array.from({ length: 1 + random.integer(3) }, () => polygon(height, width)),
      );
      return { height, width, objects, crowd: objects.map(() => random.integer(2)) };
    });
    const file = join(folder, 'images.json');
    await writeFile(file, JSON.stringify(images));
    const expected = await pythonScript<unknown[]>('tools', 'tests/integration/interop/masks.py', [file]);
    images.forEach(({ height, width, objects, crowd }, i) => {
      const runs = objects.map((polygons) => polygonsToRuns(polygons, { height, width }));
      const overlaps = iouOfRuns(runs, runs, crowd);
      expect(
        {
          counts: runs.map(({ counts }) => countsToString(counts)),
          area: runs.map(areaOf),
          box: runs.map(boxOf),
          iou: runs.map((_, row) => [...overlaps.subarray(row * runs.length, (row + 1) * runs.length)]),
          union: countsToString(mergeRuns(runs).counts),
          intersection: countsToString(mergeRuns(runs, 'intersection').counts),
        },
        `image ${i}`,
      ).toEqual(expected[i]);
    });
  }, 600_000);
});
