import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeImage } from '#platform';
import { CheckpointError, ClassMap, DataError, derive, type Raster } from '../core/index.ts';
import { openDevice } from '../engine/index.ts';
import { exportModel } from '../export/index.ts';
import { fromConfig, saveModel } from '../models/index.ts';
import type { ClassificationPrediction, DetectionPrediction } from '../tasks/index.ts';
import {
  createPredictor,
  drawPrediction,
  findPictures,
  type Predictor,
  type PredictorOptions,
  predictFiles,
  type ResultRow,
  resultRows,
} from './index.ts';

const classes = { id2label: { 0: 'disc', 1: 'ring', 2: 'cross' }, label2id: { disc: 0, ring: 1, cross: 2 } };
const vit = {
  model_type: 'vit',
  hidden_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 32,
  image_size: 32,
  patch_size: 8,
  ...classes,
};
const detr = {
  model_type: 'detr',
  use_timm_backbone: false,
  backbone_config: {
    model_type: 'resnet',
    depths: [1, 1, 1, 1],
    embedding_size: 8,
    hidden_sizes: [8, 8, 12, 16],
    layer_type: 'basic',
  },
  d_model: 16,
  encoder_layers: 1,
  decoder_layers: 1,
  encoder_attention_heads: 2,
  decoder_attention_heads: 2,
  encoder_ffn_dim: 32,
  decoder_ffn_dim: 32,
  num_queries: 6,
  ...classes,
};

let root: string;
const image = (height: number, width: number, seed: number): Raster => {
  const random = derive(seed, height, width);
  return { height, width, data: Uint8Array.from({ length: height * width * 3 }, () => random.integer(256)) };
};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ocelli-predict-'));
  const device = await openDevice('wasm');
  for (const [name, config] of Object.entries({ vit, detr })) {
    const loaded = fromConfig(config, { seed: 5, imageSize: { height: 64, width: 96 } });
    const { files } = await exportModel(loaded, { format: 'onnx' });
    for (const [path, bytes] of files) {
      await mkdir(join(root, name, path, '..'), { recursive: true });
      await writeFile(join(root, name, path), bytes);
    }
    loaded.model.dispose();
  }
  await device.dispose();
});
afterAll(() => rm(root, { recursive: true }));

/** As `await using`, which the floor checker cannot read. */
async function withPredictor<Result>(
  name: string,
  options: PredictorOptions,
  use: (predictor: Predictor) => Promise<Result>,
): Promise<Result> {
  const predictor = await createPredictor(join(root, name), options);
  try {
    return await use(predictor);
  } finally {
    await predictor.dispose();
  }
}

const scoresOf = (prediction: { value: unknown }): number[] => [
  ...(prediction.value as ClassificationPrediction).scores,
];

describe('createPredictor', () => {
  it('answers by onnxruntime as by our own engine', async () => {
    const images = [image(50, 40, 1), image(20, 60, 2), image(50, 40, 3)];
    const fromOnnx = await withPredictor('vit', { device: 'cpu' }, async (onnx) => {
      expect(onnx).toMatchObject({ task: 'classification', runtime: 'onnxruntime on cpu' });
      expect(onnx.classes.names).toEqual(['disc', 'ring', 'cross']);
      return (await onnx.predict(images)).map(scoresOf);
    });
    const fromOurs = await withPredictor('vit', { device: 'wasm', engine: 'ocelli' }, async (ours) => {
      expect(ours.runtime).toMatch(/^ocelli wasm/);
      return (await ours.predict(images)).map(scoresOf);
    });
    for (const [i, scores] of fromOnnx.entries()) {
      expect(scores.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      for (const [c, score] of scores.entries()) expect(score).toBeCloseTo(fromOurs[i]![c]!, 5);
    }
  });

  it('finds the same whatever company a picture is in', async () => {
    const images = [image(64, 96, 1), image(96, 64, 2), image(64, 96, 3), image(40, 90, 4)];
    for (const options of [{ device: 'cpu' }, { device: 'wasm', engine: 'ocelli' }] as const) {
      await withPredictor('detr', { ...options, threshold: 0 }, async (predictor) => {
        const together = await predictor.predict(images);
        expect(together.map((prediction) => prediction.task)).toEqual(images.map(() => 'detection'));
        for (const [i, picture] of images.entries()) {
          const [alone] = await predictor.predict([picture]);
          const a = alone!.value as DetectionPrediction;
          const b = together[i]!.value as DetectionPrediction;
          expect(a.scores.length).toBe(6);
          expect([...b.labels]).toEqual([...a.labels]);
          for (const [k, value] of a.boxes.entries()) expect(b.boxes[k]!).toBeCloseTo(value, 2);
        }
        const [none] = await predictor.predict([images[0]!], { threshold: 1 });
        expect((none!.value as DetectionPrediction).scores).toHaveLength(0);
      });
    }
  });

  it("answers with the data's category ids where the model knows them", async () => {
    const classes = new ClassMap([
      { id: 3, name: 'disc' },
      { id: 7, name: 'ring' },
      { id: 90, name: 'cross' },
    ]);
    const device = await openDevice('wasm');
    const loaded = fromConfig(vit, { seed: 5, classes });
    await mkdir(join(root, 'ids'), { recursive: true });
    for (const [name, content] of Object.entries(await saveModel(loaded)))
      await writeFile(join(root, 'ids', name), content);
    loaded.model.dispose();
    await device.dispose();
    await withPredictor('ids', { device: 'wasm' }, async (predictor) => {
      expect(predictor.classes.categories.map((category) => category.id)).toEqual([3, 7, 90]);
      const picture = image(40, 40, 1);
      const [prediction] = await predictor.predict([picture]);
      const file = { path: 'a.png', imageId: 1, image: picture, prediction: prediction! };
      const rows = resultRows(file, predictor.classes);
      expect(rows.map((row) => row.category_id).sort((a, b) => a - b)).toEqual([3, 7, 90]);
    });
  });

  it('says what is missing', async () => {
    await expect(createPredictor(join(root, 'nowhere'))).rejects.toThrow(CheckpointError);
    await expect(createPredictor(join(root, 'vit'), { dtype: 'fp16' })).rejects.toThrow(/ONNX file/);
    const half = { dtype: 'fp16', engine: 'ocelli', device: 'wasm' } as const;
    await expect(createPredictor(join(root, 'vit'), half)).rejects.toThrow(
      /half precision, for predictions in fp16/,
    );
    await mkdir(join(root, 'broken/onnx'), { recursive: true });
    await writeFile(join(root, 'broken/config.json'), JSON.stringify(vit));
    await writeFile(join(root, 'broken/onnx/model.onnx'), 'no model');
    await expect(createPredictor(join(root, 'broken'), { device: 'cpu' })).rejects.toThrow(
      /ONNX model that onnxruntime can run/,
    );
  });
});

describe('predictFiles', () => {
  it('goes on when a picture is broken, and names every file', async () => {
    const folder = join(root, 'pictures');
    await mkdir(join(folder, 'more'), { recursive: true });
    for (const [i, name] of ['0007.png', '0012.png', 'more/0003.png'].entries())
      await writeFile(join(folder, name), await encodeImage(image(30 + i, 40, i), 'png'));
    await writeFile(join(folder, '0009.jpg'), 'not a picture');
    await writeFile(join(folder, 'notes.txt'), 'left out');
    const rows: ResultRow[] = [];
    const failed: { path: string; error: Error }[] = [];
    await withPredictor('vit', { device: 'cpu', batchSize: 2 }, async (predictor) => {
      for await (const file of predictFiles(predictor, [folder])) {
        rows.push(...resultRows(file, predictor.classes));
        if ('error' in file) failed.push(file);
        else {
          const drawn = await drawPrediction(file.image, file.prediction, predictor.classes);
          expect(drawn.data.length).toBe(drawn.height * drawn.width * 3);
        }
      }
    });
    expect(failed).toHaveLength(1);
    expect(failed[0]!.path).toMatch(/0009\.jpg$/);
    expect(failed[0]!.error).toBeInstanceOf(DataError);
    expect([...new Set(rows.map((row) => row.image_id))]).toEqual([7, 12, 3]);
    expect(rows).toHaveLength(9);
    expect(rows[0]).toMatchObject({ file_name: join(folder, '0007.png'), category_name: expect.any(String) });
  });

  it('takes files, folders and globs, and refuses what names nothing', async () => {
    const folder = join(root, 'pictures');
    const found = await findPictures([`${folder}/*.png`, join(folder, 'notes.txt'), join(folder, 'more')]);
    expect(found.map((path) => path.slice(folder.length + 1))).toEqual([
      '0007.png',
      '0012.png',
      'more/0003.png',
      'notes.txt',
    ]);
    await expect(findPictures([`${folder}/*.webp`, join(folder, 'absent.jpg')])).rejects.toThrow(
      /\*\.webp: no picture there\n.*absent\.jpg: no picture there/s,
    );
  });

  it('finds each picture once where links lead back up, and links to other folders', async () => {
    const folder = join(root, 'linked');
    await mkdir(join(folder, 'inner'), { recursive: true });
    await writeFile(join(folder, 'inner/a.png'), '');
    for (const name of ['one', 'two']) await symlink('..', join(folder, 'inner', name));
    await symlink(join(root, 'pictures/more'), join(folder, 'more'));
    const found = await findPictures([folder]);
    expect(found.map((path) => path.slice(folder.length + 1))).toEqual(['inner/a.png', 'more/0003.png']);
  });
});
