/**
 * Exported folders in transformers.js (in Node, from a local folder, nothing fetched): the model gives the same
 * numbers for the same `pixel_values`, and `pipeline()` the same labels with scores within 0.02 for the same
 * picture, whatever its shape (its resize is another than Pillow's, which ours equals).
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import {
  AutoModelForImageClassification,
  AutoModelForObjectDetection,
  env,
  pipeline,
  Tensor,
} from '@huggingface/transformers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeImage, encodeImage } from '#platform';
import { derive, type Size } from '../../src/core/index.ts';
import { type Device, openDevice, tf } from '../../src/engine/index.ts';
import { exportModel } from '../../src/export/index.ts';
import { createPredictor, predictFiles } from '../../src/inference/index.ts';
import { fromPretrained } from '../../src/models/index.ts';
import type { ClassificationPrediction, DetectionPrediction } from '../../src/tasks/index.ts';
import { topLabels } from '../../src/tasks/index.ts';
import { resize } from '../../src/vision/index.ts';

const reference = resolve('../shared/reference/models');
const photographs = resolve('../shared/data/coco_permissive53/val2017/images');
const names = ['vit-p8', 'resnet-bottleneck', 'detr', 'yolos-mid', 'yolos-nomid'] as const;
const dtypes = ['fp32', 'fp16'] as const;

/** Small inputs for small models; detectors keep the picture's shape, as the originals do. */
const processors: Readonly<Record<string, Record<string, unknown>>> = {
  'vit-p8': { size: { height: 128, width: 128 } },
  detr: { size: { shortest_edge: 160, longest_edge: 266 } },
  'yolos-mid': { size: { shortest_edge: 128, longest_edge: 208 } },
  'yolos-nomid': { size: { shortest_edge: 128, longest_edge: 208 } },
};

/** The models were never trained: below this score their best classes are as good as tied. */
const decided = 0.3;

let root: string;
const pictures: string[] = [];
beforeAll(async () => {
  expect(existsSync(reference), `the reference models in ${reference}`).toBe(true);
  root = await mkdtemp(join(tmpdir(), 'ocelli-transformers-js-'));
  env.allowRemoteModels = false;
  env.localModelPath = root;
  const files = (await readdir(photographs)).filter((file) => file.endsWith('.jpg')).sort();
  for (const [i, size] of pictureSizes.entries()) {
    pictures.push(await softPicture(join(photographs, files[i]!), size));
  }
  const device: Device = await openDevice('wasm');
  for (const name of names) {
    const loaded = await fromPretrained(join(reference, name));
    const processorConfig = { ...loaded.processorConfig, ...processors[name] };
    for (const dtype of dtypes) {
      const { files: exported } = await exportModel(
        { ...loaded, processorConfig },
        { format: 'onnx', dtype },
      );
      for (const [path, bytes] of exported) {
        await mkdir(dirname(join(root, name, path)), { recursive: true });
        await writeFile(join(root, name, path), bytes);
      }
    }
    loaded.model.dispose();
  }
  await device.dispose();
}, 120_000);
afterAll(() => rm(root, { recursive: true, force: true }));

/**
 * Sizes of pictures whose longer side decides the detectors' input size, which is a multiple of 16 then. For
 * others transformers.js (4.3) makes other sizes than the original: it scales up until the longer side is
 * `longest_edge`, where DETR stops at `shortest_edge`, and does not round to YOLOS' multiples of 16. YOLOS gets
 * them unresized: untrained, it answers to half a pixel.
 */
const pictureSizes = [
  { height: 112, width: 208 },
  { height: 208, width: 112 },
  { height: 96, width: 208 },
  { height: 208, width: 80 },
];

/**
 * A photograph without fine detail, a little smaller than the models' input. transformers.js resizes without
 * antialias and half a pixel beside: with detail the two see different pictures.
 */
async function softPicture(path: string, size: Size): Promise<string> {
  const photograph = await decodeImage(new Uint8Array(await readFile(path)));
  const small = { height: Math.round(size.height / 20), width: Math.round(size.width / 20) };
  const soft = resize(resize(photograph, small, 'bicubic'), size, 'bicubic');
  const target = join(root, `${basename(path, '.jpg')}.png`);
  await writeFile(target, await encodeImage(soft, 'png'));
  return target;
}

function seededPixels(shape: number[]): Float32Array {
  const random = derive(12, 'transformers.js', ...shape);
  return Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal());
}

interface ModelCall {
  (inputs: Record<string, Tensor>): Promise<Record<string, Tensor>>;
  dispose(): Promise<unknown>;
}

async function openModel(name: string, dtype: 'fp32' | 'fp16'): Promise<ModelCall> {
  const detects = name.startsWith('detr') || name.startsWith('yolos');
  const auto = detects ? AutoModelForObjectDetection : AutoModelForImageClassification;
  return (await auto.from_pretrained(name, { dtype })) as unknown as ModelCall;
}

describe.each(names)('%s', (name) => {
  it.each([
    ['fp32', 1e-4],
    ['fp16', 5e-2],
  ] as const)('gives our outputs in %s', async (dtype, tolerance) => {
    const shape = name.startsWith('vit') ? [2, 3, 32, 32] : [2, 3, 76, 113];
    const pixels = seededPixels(shape);
    const model = await openModel(name, dtype);
    const outputs = await model({ pixel_values: new Tensor('float32', pixels, shape) });
    await model.dispose();
    const device = await openDevice('wasm');
    const loaded = await fromPretrained(join(root, name));
    const input = tf.tensor4d(pixels, shape as [number, number, number, number]);
    const expected = loaded.model.forward({ pixel_values: input }, { training: false });
    for (const output of ['logits', 'pred_boxes']) {
      const tensor = expected[output];
      if (!tensor) continue;
      expect(outputs[output]!.dims).toEqual(tensor.shape);
      const values = await tensor.data<'float32'>();
      const received = outputs[output]!.data as Float32Array;
      const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - received[i]!)), 0);
      expect(worst, output).toBeLessThan(tolerance);
    }
    loaded.model.dispose();
    tf.disposeVariables();
    await device.dispose();
  });

  it('gives our labels and scores through pipeline()', async () => {
    const detects = name.startsWith('detr') || name.startsWith('yolos');
    await using predictor = await createPredictor(join(root, name), { device: 'cpu', threshold: 0 });
    const predict = detects
      ? await pipeline('object-detection', name, { dtype: 'fp32' })
      : await pipeline('image-classification', name, { dtype: 'fp32' });
    let compared = 0;
    for await (const file of predictFiles(predictor, pictures)) {
      if ('error' in file) throw file.error;
      if (detects) {
        const found = (await (predict as (path: string, options: object) => Promise<unknown>)(file.path, {
          threshold: decided,
        })) as { label: string; score: number; box: Record<string, number> }[];
        compared += compareDetections(
          found,
          file.prediction.value as DetectionPrediction,
          predictor.classes.names,
        );
      } else {
        const prediction = file.prediction.value as ClassificationPrediction;
        const found = (await (predict as (path: string, options: object) => Promise<unknown>)(file.path, {
          top_k: 5,
        })) as { label: string; score: number }[];
        const [best] = topLabels(prediction, 1);
        expect(found[0]!.label).toBe(predictor.classes.names[best!]);
        for (const { label, score } of found) {
          expect(Math.abs(score - prediction.scores[predictor.classes.names.indexOf(label)]!)).toBeLessThan(
            0.02,
          );
          compared++;
        }
      }
    }
    await (predict as unknown as { dispose(): Promise<unknown> }).dispose();
    expect(compared).toBeGreaterThan(5);
  });
});

/**
 * The pipeline lists the queries whose first choice is a class, in their order; ours lists every query. The n-th
 * of the pipeline must be one of ours, in order.
 */
function compareDetections(
  found: readonly { label: string; score: number; box: Record<string, number> }[],
  ours: DetectionPrediction,
  classes: readonly string[],
): number {
  let query = -1;
  for (const { label, score, box } of found) {
    const same = (i: number): boolean =>
      classes[ours.labels[i]!] === label &&
      Math.abs(ours.scores[i]! - score) < 0.02 &&
      Math.abs(ours.boxes[4 * i]! - box.xmin!) < 12 &&
      Math.abs(ours.boxes[4 * i + 3]! - box.ymax!) < 12;
    do query++;
    while (query < ours.scores.length && !same(query));
    expect(query, `${label} ${score} among ours`).toBeLessThan(ours.scores.length);
  }
  return found.length;
}
