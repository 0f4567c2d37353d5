/**
 * What the command line says when what it was given is wrong: recipes, weights, data. Every run here is the built program on
 * real files.
 *
 * More of the same: src/cli/usage.test.ts (wrong arguments, recipes with several errors), src/cli/runs.test.ts (unknown
 * metrics, no adapter), memory.test.ts (models and batches that are too large), ended-runs.test.ts (full disks, interrupts),
 * secrets.test.ts and mlflow-refused.test.ts (servers that refuse).
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { encodeImage } from '#platform';
import { derive } from '../../src/core/index.ts';
import { generateSampleDataset } from '../../src/data/index.ts';
import { openDevice } from '../../src/engine/index.ts';
import { fromConfig, saveModel } from '../../src/models/index.ts';
import { builtCli, ocelli } from '../support/cli.ts';
import { expectFailure, train } from '../support/failed-runs.ts';
import { tinyRecipe } from '../support/recipes.ts';

// Each test starts a process or two; a machine may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ocelli-bad-input-'));
  await Promise.all([
    builtCli(),
    generateSampleDataset({ out: join(folder, 'good'), images: { train: 40, val: 8 }, size: 32, objects: 1 }),
  ]);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a recipe', () => {
  it('that is no YAML, or wrong in several places: 2, with file and lines', async () => {
    writeFileSync(join(folder, 'broken.yaml'), 'model:\n  model_name: "a\n\tb: [1, 2\n');
    const broken = await ocelli(['train', 'broken.yaml', '--json'], { cwd: folder });
    expect(broken.stderr).toMatch(/broken\.yaml:\d+:\d+ /);
    expect(broken.code).toBe(2);
    expect(JSON.parse(broken.stdout)).toMatchObject({ type: 'failed', exit_code: 2 });
    const text = tinyRecipe({ training: { max_epochs: 'many', optimiser: 'adamw' } }).replace(
      'batch_size: 8',
      'batch_size: 0',
    );
    writeFileSync(join(folder, 'wrong.yaml'), text);
    const lineOf = (key: string): number => text.split('\n').findIndex((line) => line.includes(key)) + 1;
    const { code, stderr } = await ocelli(['train', 'wrong.yaml'], { cwd: folder });
    for (const key of ['batch_size', 'max_epochs', 'optimiser']) {
      expect(stderr).toMatch(new RegExp(`wrong\\.yaml:${lineOf(key)}:3 .*${key}`));
    }
    expect(stderr).toMatch(/optimiser: unknown key; did you mean training\.optimizer\?/);
    expect(code).toBe(2);
  });
});

describe('weights', () => {
  /** A pretrained model in a folder; `change` damages it. */
  async function model(name: string, change: (weights: Buffer) => Uint8Array): Promise<string[]> {
    const path = join(folder, name);
    const device = await openDevice('cpu');
    try {
      const loaded = fromConfig({ ...smallVit }, { seed: 1 });
      mkdirSync(path);
      for (const [file, content] of Object.entries(await saveModel(loaded))) {
        writeFileSync(join(path, file), content as Uint8Array);
      }
      loaded.model.dispose();
    } finally {
      await device.dispose();
    }
    const weights = join(path, 'model.safetensors');
    writeFileSync(weights, change(readFileSync(weights)));
    return [`model.model_name=${name}`, 'model.pretrained=true', 'model.config=null'];
  }
  const smallVit = {
    model_type: 'vit',
    image_size: 32,
    patch_size: 16,
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 16,
    id2label: { 0: 'circle', 1: 'dog' },
    label2id: { circle: 0, dog: 1 },
  };

  it('that were cut off: 3, with the tensor that is outside', async () => {
    const cut = await model('cut', (weights) => weights.subarray(0, -100));
    expectFailure(
      await train(folder, 'cut', {}, cut),
      3,
      /the bytes of \S+ inside of the file in cut\/model\.safetensors.*\d+ to \d+ of \d+.*truncated/,
    );
  });

  it('whose header claims 2^60 bytes, or a shape that its bytes do not have: 3, and no memory is asked for', async () => {
    const huge = await model('huge', (weights) => {
      weights.writeBigUInt64LE(1n << 60n);
      return weights;
    });
    expectFailure(
      await train(folder, 'huge', {}, huge),
      3,
      /huge\/model\.safetensors.*1152921504606846976 bytes/,
    );
    const lying = await model('lying', (weights) => {
      const length = Number(weights.readBigUInt64LE());
      const header = weights.subarray(8, 8 + length).toString();
      // As long as before, so that everything else stays in its place.
      const changed = header.replace('"shape":[16]', '"shape":[99]');
      expect(changed).not.toBe(header);
      return Buffer.concat([weights.subarray(0, 8), Buffer.from(changed), weights.subarray(8 + length)]);
    });
    expectFailure(
      await train(folder, 'lying', {}, lying),
      3,
      /lying\/model\.safetensors.*64 bytes for F32 \[99\]/,
    );
  });

  it('of a model type that we do not know: 2, with the known ones and the file', async () => {
    const overrides = await model('unknown', (weights) => weights);
    const config = join(folder, 'unknown/config.json');
    writeFileSync(config, readFileSync(config, 'utf8').replace('"vit"', '"swinv2"'));
    expectFailure(
      await train(folder, 'unknown', {}, overrides),
      2,
      /one of detr, resnet, vit.*yolos.*model_type=swinv2 in unknown\/config\.json/,
    );
  });
});

describe('data', () => {
  interface Coco {
    images: { id: number; file_name: string }[];
    categories: { id: number; name: string }[];
    annotations: { image_id: number; category_id: number }[];
  }

  /** The good data set with something changed in it; as the recipe's data section. */
  function changed(
    name: string,
    change: { train?: (coco: Coco) => void; val?: (coco: Coco) => void; file?: (path: string) => void },
  ): Record<string, unknown> {
    const path = join(folder, name);
    cpSync(join(folder, 'good'), path, { recursive: true });
    const paths: Record<string, unknown> = {};
    for (const split of ['train', 'val'] as const) {
      const file = join(path, split, 'annotations.json');
      const coco = JSON.parse(readFileSync(file, 'utf8')) as Coco;
      change[split]?.(coco);
      writeFileSync(file, JSON.stringify(coco));
      paths[`${split}_data_path`] = `${name}/${split}`;
      paths[`${split}_annotation_file`] = `${name}/${split}/annotations.json`;
    }
    change.file?.(path);
    return paths;
  }
  const oneEpoch = { max_epochs: 1 };

  it('with ids that point nowhere: 3, all of them, with file and place', async () => {
    const data = changed('dangling', {
      train: ({ annotations }) => {
        annotations[4]!.image_id = 999;
        annotations[6]!.category_id = 77;
      },
    });
    const run = await train(folder, 'dangling', { data });
    expectFailure(
      run,
      3,
      /dangling\/train\/annotations\.json[\s\S]*annotations\[4\]\.image_id: no image has the id 999[\s\S]*annotations\[6\]\.category_id: no category has the id 77/,
    );
  });

  it('with a broken JPEG and a missing image among good ones: set aside, counted, reported, 0', async () => {
    const random = derive(3, 'noise');
    const pixels = Uint8Array.from({ length: 32 * 32 * 3 }, () => random.integer(256));
    const jpeg = await encodeImage({ height: 32, width: 32, data: pixels }, 'jpeg');
    const data = changed('damaged', {
      train: ({ images }) => {
        images[3]!.file_name = 'cut.jpg';
        images[5]!.file_name = 'nowhere.jpg';
      },
      file: (path) => writeFileSync(join(path, 'train/cut.jpg'), jpeg.subarray(0, jpeg.length / 2)),
    });
    const run = await train(folder, 'damaged', { data, training: oneEpoch });
    expect(run.code, run.stderr).toBe(0);
    const told = run.events.flatMap((event) =>
      event.type === 'warning' && event.code === 'image_set_aside' ? [event.message] : [],
    );
    expect(told.sort()).toEqual([
      expect.stringMatching(/^cut\.jpg is set aside: .*\d+ bytes/),
      expect.stringMatching(/^nowhere\.jpg is set aside: nothing there/),
    ]);
    expect(run.stderr).toMatch(/Images set aside: 2/);
    expect(readFileSync(join(run.run, 'report/index.html'), 'utf8')).toMatch(
      /2 images could not be read and were set aside/,
    );
    // The batches are as full as before.
    expect(run.events.filter(({ type }) => type === 'step')).toHaveLength(5);
  });

  it('with more bad images than max_bad_fraction: 3, with their names and reasons', async () => {
    const data = changed('rotten', {
      file: (path) => {
        for (const i of [3, 5, 7]) writeFileSync(join(path, `train/00000${i}.png`), 'not a picture');
      },
    });
    const run = await train(folder, 'rotten', { data });
    expectFailure(
      run,
      3,
      /at most 0\.05.*rotten\/train.*max_bad_fraction.*3 of 40[\s\S]*- 000005\.png.*format/,
    );
    const forgiven = await train(folder, 'forgiven', {
      data: { ...data, max_bad_fraction: 0.1 },
      training: oneEpoch,
    });
    expect(forgiven.code).toBe(0);
  });

  it('with an empty split: 3', async () => {
    const data = changed('empty', {
      val: (coco) => {
        coco.images = [];
        coco.annotations = [];
      },
    });
    expectFailure(await train(folder, 'empty', { data }), 3, /at least one image in empty\/val.*no image/);
  });

  it('with a class in val that train lacks: 3, with its name', async () => {
    const data = changed('class', {
      val: (coco) => {
        coco.categories.push({ id: 9, name: 'hexagon' });
        coco.annotations[0]!.category_id = 9;
      },
    });
    expectFailure(await train(folder, 'class', { data }), 3, /class\/val also has hexagon/);
  });
});
