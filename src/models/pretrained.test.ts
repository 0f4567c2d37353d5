/** Loading and saving, on real small checkpoints of the reference shelf and on broken copies of them. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CheckpointError, ClassMap, ConfigError } from '../core/index.ts';
import { type Device, openDevice, tf } from '../engine/index.ts';
import { memorySource, openSafetensors, writeSafetensors } from '../formats/safetensors/index.ts';
import {
  fromConfig,
  fromPretrained,
  type HfConfig,
  type LoadedModel,
  type ModelOutputs,
  readTensors,
  saveModel,
} from './index.ts';

const shelf = '../shared/reference/models';
let device: Device;
let folder: string;

beforeAll(async () => {
  device = await openDevice('wasm');
  folder = await mkdtemp(join(tmpdir(), 'ocelli-models-'));
});

afterAll(async () => {
  await device.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** A folder with these files, beside those of a reference case if one is named. */
async function place(
  name: string,
  files: Record<string, string | Uint8Array>,
  base?: string,
): Promise<string> {
  const target = join(folder, name);
  await mkdir(target, { recursive: true });
  for (const file of base ? ['config.json', 'model.safetensors'] : []) {
    await writeFile(join(target, file), await readFile(join(shelf, base!, file)));
  }
  for (const [file, content] of Object.entries(files)) {
    await mkdir(dirname(join(target, file)), { recursive: true });
    await writeFile(join(target, file), content);
  }
  return target;
}

async function weightsOf(
  name: string,
): Promise<Map<string, { shape: readonly number[]; data: Float32Array }>> {
  const bytes = new Uint8Array(await readFile(join(shelf, name, 'model.safetensors')));
  const file = await openSafetensors(memorySource(name, bytes));
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [tensor, { shape }] of file.tensors)
    tensors.set(tensor, { shape, data: await file.read(tensor) });
  return tensors;
}

const configOf = async (name: string): Promise<HfConfig> =>
  JSON.parse(await readFile(join(shelf, name, 'config.json'), 'utf8')) as HfConfig;

const images = (size = 32): tf.Tensor =>
  tf.tidy(() => tf.reshape(tf.sin(tf.range(0, 2 * 3 * size * size)), [2, 3, size, size]));

async function run({ model }: LoadedModel, size?: number): Promise<Record<string, Float32Array>> {
  const outputs = tf.tidy(
    (): ModelOutputs => ({
      ...model.forward({ pixel_values: images(size) }, { training: false }),
    }),
  );
  const values: Record<string, Float32Array> = {};
  for (const [name, tensor] of Object.entries(outputs)) values[name] = (await tensor.data()) as Float32Array;
  tf.dispose(Object.values(outputs));
  return values;
}

async function rows(loaded: LoadedModel, name: string): Promise<number[][]> {
  const parameter = new Map(loaded.model.tensors()).get(name)!;
  const values = [...(await parameter.value.data())];
  const width = values.length / parameter.shape[0]!;
  return Array.from({ length: parameter.shape[0]! }, (_, i) => values.slice(i * width, (i + 1) * width));
}

const classes = (...names: string[]): ClassMap => new ClassMap(names.map((name, i) => ({ id: i + 1, name })));

describe('a checkpoint', () => {
  test('loads whole, with its classes and the default processor', async () => {
    const loaded = await fromPretrained(join(shelf, 'vit-p8'));
    expect(loaded.report).toMatchObject({ missing: [], unexpected: [], classesKept: 7, classesNew: 0 });
    expect(loaded.classes.names[6]).toBe('LABEL_6');
    expect(loaded.processorConfig).toMatchObject({ image_processor_type: 'ViTImageProcessor' });
    expect(loaded.config.architectures).toEqual(['ViTForImageClassification']);
    loaded.model.dispose();
  });

  test('gives back all device memory', async () => {
    const before = device.memory().tensors;
    const loaded = await fromPretrained(join(shelf, 'detr'));
    await run(loaded, 64);
    loaded.model.dispose();
    expect(device.memory().tensors).toBe(before);
  });

  test('comes out of a run folder, with its own processor', async () => {
    const config = await readFile(join(shelf, 'resnet-basic', 'config.json'));
    const weights = await readFile(join(shelf, 'resnet-basic', 'model.safetensors'));
    const run = await place('run', {
      'recipe.yaml': '',
      'model/config.json': config,
      'model/model.safetensors': weights,
      'model/preprocessor_config.json':
        '{"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 96}}',
    });
    const loaded = await fromPretrained(run);
    expect(loaded.processorConfig.size).toEqual({ shortest_edge: 96 });
    expect(loaded.report.missing).toEqual([]);
    loaded.model.dispose();
  });

  test('comes in shards', async () => {
    const all = [...(await weightsOf('vit-p8'))];
    const halves = [all.slice(0, 20), all.slice(20)];
    const names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    const map = Object.fromEntries(halves.flatMap((half, i) => half.map(([tensor]) => [tensor, names[i]!])));
    const sharded = await place('sharded', {
      'config.json': await readFile(join(shelf, 'vit-p8', 'config.json')),
      'model.safetensors.index.json': JSON.stringify({ metadata: {}, weight_map: map }),
      [names[0]!]: writeSafetensors(new Map(halves[0])),
      [names[1]!]: writeSafetensors(new Map(halves[1])),
    });
    const [one, two] = [await fromPretrained(join(shelf, 'vit-p8')), await fromPretrained(sharded)];
    expect(await run(two)).toEqual(await run(one));
    one.model.dispose();
    two.model.dispose();
  });

  test('of the bare model lacks the prefix and the head', async () => {
    const bare = new Map(
      [...(await weightsOf('vit-p8'))]
        .filter(([name]) => name.startsWith('vit.'))
        .map(([name, tensor]) => [name.slice('vit.'.length), tensor]),
    );
    const files = { 'model.safetensors': writeSafetensors(bare) };
    const loaded = await fromPretrained(await place('bare', files, 'vit-p8'));
    expect(loaded.report.missing).toEqual(['classifier.weight', 'classifier.bias']);
    expect(loaded.report).toMatchObject({ unexpected: [], classesKept: 0, classesNew: 7 });
    loaded.model.dispose();
  });

  test('names what is missing and what is too much, and ignores what the original ignores', async () => {
    const tensors = await weightsOf('detr');
    tensors.delete('model.input_projection.bias');
    tensors.set('surplus', { shape: [1], data: Float32Array.of(1) });
    const ignored = 'model.backbone.conv_encoder.model.layer1.0.downsample.1.num_batches_tracked';
    tensors.set(ignored, { shape: [], data: Float32Array.of(0) });
    const files = { 'model.safetensors': writeSafetensors(tensors) };
    const loaded = await fromPretrained(await place('odd', files, 'detr'));
    expect(loaded.report.missing).toEqual(['model.input_projection.bias']);
    expect(loaded.report.unexpected).toEqual(['surplus']);
    loaded.model.dispose();
  });
});

describe('other classes', () => {
  test('keep the rows of the same name, wherever they stand', async () => {
    const original = await fromPretrained(join(shelf, 'vit-p8'));
    const loaded = await fromPretrained(join(shelf, 'vit-p8'), {
      classes: classes('zebra', 'LABEL_5', 'LABEL_0'),
    });
    expect(loaded.report).toMatchObject({ classesKept: 2, classesNew: 1, missing: [] });
    expect(loaded.config.id2label).toEqual({ 0: 'zebra', 1: 'LABEL_5', 2: 'LABEL_0' });
    expect(loaded.config.label2id).toEqual({ zebra: 0, LABEL_5: 1, LABEL_0: 2 });
    const [before, after] = [
      await rows(original, 'classifier.weight'),
      await rows(loaded, 'classifier.weight'),
    ];
    expect(after).toHaveLength(3);
    expect(after[1]).toEqual(before[5]);
    expect(after[2]).toEqual(before[0]);
    expect(before).not.toContainEqual(after[0]);
    original.model.dispose();
    loaded.model.dispose();
  });

  test.each([
    ['detr', 'class_labels_classifier.weight'],
    ['yolos-mid', 'class_labels_classifier.layers.2.weight'],
  ])('of %s leave "no object" the last row', async (name, head) => {
    const original = await fromPretrained(join(shelf, name));
    const loaded = await fromPretrained(join(shelf, name), { classes: classes('cell', 'LABEL_3') });
    const [before, after] = [await rows(original, head), await rows(loaded, head)];
    expect(after).toHaveLength(3);
    expect(after[1]).toEqual(before[3]);
    expect(after[2]).toEqual(before[5]);
    original.model.dispose();
    loaded.model.dispose();
  });

  test('start the same from the same seed, and otherwise from another', async () => {
    const head = async (seed: number): Promise<number[]> => {
      const loaded = await fromPretrained(join(shelf, 'vit-p8'), { classes: classes('a', 'b'), seed });
      const [row] = await rows(loaded, 'classifier.weight');
      loaded.model.dispose();
      return row!;
    };
    expect(await head(1)).toEqual(await head(1));
    expect(await head(1)).not.toEqual(await head(2));
  });
});

describe('fresh weights', () => {
  test('are seeded, train everything and need no file of weights', async () => {
    const bare = await place('fresh', { 'config.json': JSON.stringify(await configOf('detr')) });
    const [a, b] = [
      await fromPretrained(bare, { pretrained: false, seed: 3 }),
      await fromPretrained(bare, { pretrained: false, seed: 3 }),
    ];
    expect(await run(a, 64)).toEqual(await run(b, 64));
    expect([...a.model.parameters()].every(([, parameter]) => parameter.requiresGrad)).toBe(true);
    expect(a.report).toMatchObject({ pretrained: false, classesKept: 0, classesNew: 5 });
    expect(a.report.warnings).toEqual([expect.stringContaining('are trained')]);
    a.model.dispose();
    b.model.dispose();
  });
});

describe('another input size', () => {
  test('resizes position embeddings once, as the forward pass would each time', async () => {
    const [plain, resized] = [
      await fromPretrained(join(shelf, 'vit-p8')),
      await fromPretrained(join(shelf, 'vit-p8'), { imageSize: { height: 48, width: 48 } }),
    ];
    expect(resized.config.image_size).toBe(48);
    expect(resized.processorConfig.size).toEqual({ height: 48, width: 48 });
    const [expected, received] = [await run(plain, 48), await run(resized, 48)];
    received.logits!.forEach((value, i) => {
      expect(value).toBeCloseTo(expected.logits![i]!, 5);
    });
    plain.model.dispose();
    resized.model.dispose();
  });

  test('scales both edges where the aspect ratio is kept', async () => {
    const { model, processorConfig } = await fromPretrained(join(shelf, 'yolos-nomid'), {
      imageSize: { height: 400, width: 400 },
    });
    expect(processorConfig.size).toEqual({ shortest_edge: 400, longest_edge: 667 });
    model.dispose();
  });
});

describe('saving', () => {
  test.each(['vit-p8', 'resnet-basic', 'detr', 'yolos-mid'])('%s comes back as it was', async (name) => {
    const loaded = await fromPretrained(join(shelf, name));
    const saved = await place(`saved-${name}`, { ...(await saveModel(loaded)) });
    const again = await fromPretrained(saved);
    expect(again.report).toMatchObject({ missing: [], unexpected: [] });
    expect(await run(again, 64)).toEqual(await run(loaded, 64));
    loaded.model.dispose();
    again.model.dispose();
  });

  test('keeps counters as integers and takes other weights', async () => {
    const loaded = await fromPretrained(join(shelf, 'resnet-basic'));
    const tensors = await readTensors(loaded.model);
    tensors.set('classifier.1.bias', { shape: [6], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
    const files = await saveModel(loaded, tensors);
    const file = await openSafetensors(memorySource('saved', files['model.safetensors']));
    const counter = 'resnet.embedder.embedder.normalization.num_batches_tracked';
    expect(file.tensors.get(counter)).toMatchObject({ dtype: 'I64', shape: [] });
    expect([...(await file.read('classifier.1.bias'))]).toEqual([1, 2, 3, 4, 5, 6]);
    loaded.model.dispose();
  });

  test("does not send Python's transformers for a backbone that is in the file", async () => {
    const loaded = fromConfig({ ...(await configOf('detr')), use_pretrained_backbone: true });
    expect(JSON.parse((await saveModel(loaded))['config.json']).use_pretrained_backbone).toBe(false);
    loaded.model.dispose();
  });
});

describe('what can be wrong', () => {
  const failing = async (files: Record<string, string | Uint8Array>, base?: string, name = 'broken') =>
    fromPretrained(await place(`${name}-${Math.random()}`, files, base));

  test('nothing there', async () => {
    await expect(fromPretrained(join(folder, 'nowhere', 'at', 'all'))).rejects.toBeInstanceOf(
      CheckpointError,
    );
  });

  test('a folder or a file without a model, whose name a model of the hub could have', async () => {
    const at = process.cwd();
    await place('plain/organisation/name', { 'notes.txt': 'none' });
    process.chdir(join(folder, 'plain'));
    try {
      for (const name of ['organisation', 'organisation/name', 'organisation/name/notes.txt']) {
        const error = await fromPretrained(name).catch((caught: unknown) => caught);
        expect(error, name).toMatchObject({ code: 'model_not_found', received: `${name}, which has none` });
      }
    } finally {
      process.chdir(at);
    }
  });

  test('an unknown model_type lists the known ones', async () => {
    const broken = failing({ 'config.json': '{"model_type": "alexnet"}' });
    await expect(broken).rejects.toThrow(/detr, resnet, vit, .*yolos.*alexnet/);
    await expect(broken).rejects.toBeInstanceOf(ConfigError);
  });

  test('a config that is no JSON', async () => {
    await expect(failing({ 'config.json': '{' })).rejects.toBeInstanceOf(CheckpointError);
  });

  test('a config with several mistakes names all of them', async () => {
    const config = JSON.stringify({ model_type: 'vit', hidden_size: -1, image_size: 'large' });
    await expect(failing({ 'config.json': config })).rejects.toThrow(/hidden_size[\s\S]*image_size/);
  });

  test('an activation that nobody knows', async () => {
    const config = JSON.stringify({ ...(await configOf('vit-p8')), hidden_act: 'relux' });
    await expect(failing({ 'config.json': config }, 'vit-p8')).rejects.toThrow(/relux/);
  });

  test('a task that the family cannot do', async () => {
    const asked = fromPretrained(join(shelf, 'vit-p8'), { task: 'detection' });
    await expect(asked).rejects.toThrow(/detr, yolos/);
  });

  test('no weights, or only pickled ones', async () => {
    const config = JSON.stringify(await configOf('vit-p8'));
    await expect(failing({ 'config.json': config })).rejects.toThrow(/no weights/);
    await expect(failing({ 'config.json': config, 'pytorch_model.bin': 'x' })).rejects.toThrow(
      /safe_serialization/,
    );
  });

  test('truncated weights leave nothing on the device', async () => {
    const before = device.memory().tensors;
    const bytes = new Uint8Array(await readFile(join(shelf, 'vit-p8', 'model.safetensors')));
    const broken = failing({ 'model.safetensors': bytes.subarray(0, bytes.length - 100) }, 'vit-p8');
    await expect(broken).rejects.toMatchObject({ exitCode: 3 });
    expect(device.memory().tensors).toBe(before);
  });

  test('weights of another shape than config.json says', async () => {
    const before = device.memory().tensors;
    const config = JSON.stringify({ ...(await configOf('vit-p8')), intermediate_size: 48 });
    await expect(failing({ 'config.json': config }, 'vit-p8')).rejects.toThrow(/intermediate\.dense\.weight/);
    expect(device.memory().tensors).toBe(before);
  });

  test('a head for another number of classes than id2label', async () => {
    const config = JSON.stringify({ ...(await configOf('vit-p8')), id2label: { 0: 'a', 1: 'b' } });
    await expect(failing({ 'config.json': config }, 'vit-p8')).rejects.toThrow(/classifier\.weight/);
  });

  test('an id2label with gaps', async () => {
    const config = JSON.stringify({ ...(await configOf('vit-p8')), id2label: { 1: 'a', 2: 'b' } });
    await expect(failing({ 'config.json': config }, 'vit-p8')).rejects.toThrow(/from 0 to 1/);
  });

  test('weights of another model', async () => {
    const weights = await readFile(join(shelf, 'resnet-basic', 'model.safetensors'));
    const broken = failing({ 'model.safetensors': weights }, 'vit-p8');
    await expect(broken).rejects.toMatchObject({ code: 'weights_do_not_fit' });
  });

  test.each([
    [{ encoder_layerdrop: 0.1 }, /encoder_layerdrop/],
    [{ use_timm_backbone: true, backbone: 'convnext_tiny' }, /resnet50/],
    [{ use_timm_backbone: true, backbone: 'resnet50', backbone_kwargs: { stem_type: 'deep' } }, /stem_type/],
    [{ backbone_config: { model_type: 'swin' } }, /resnet/],
    [
      { use_timm_backbone: true, backbone: 'resnet50', backbone_kwargs: { out_indices: [0] } },
      /out_indices: .*1 to 4/,
    ],
  ])('a DETR that is not supported: %o', async (change, message) => {
    const config = JSON.stringify({ ...(await configOf('detr')), ...change });
    await expect(failing({ 'config.json': config }, 'detr')).rejects.toThrow(message);
  });
});
