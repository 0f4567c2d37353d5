/**
 * Exported folders in Python: transformers on PyTorch, onnxruntime with onnx' checker, and MLflow load them
 * unchanged and compute what we do, for the same `pixel_values` within 1e-4.
 *
 * Needs Python environments; they are installed by `bash scripts/python.sh torch|tools|mlflow`.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { derive } from '../../src/core/index.ts';
import { type Device, openDevice, tf } from '../../src/engine/index.ts';
import { exportModel } from '../../src/export/index.ts';
import { fromConfig, fromPretrained, type HfConfig, type LoadedModel } from '../../src/models/index.ts';
import { pythonScript } from '../support/python-script.ts';

type Arrays = Record<string, { shape: number[]; dtype: string; data: number[] }>;

const reference = resolve('../shared/reference/models');

/** DETR as the hub's main revisions have it: the backbone by timm's names. */
const timmDetr: HfConfig = {
  model_type: 'detr',
  use_timm_backbone: true,
  use_pretrained_backbone: false,
  backbone: 'resnet18',
  backbone_kwargs: { out_indices: [1, 2, 3, 4], in_chans: 3 },
  d_model: 32,
  encoder_layers: 1,
  decoder_layers: 2,
  encoder_attention_heads: 4,
  decoder_attention_heads: 4,
  encoder_ffn_dim: 64,
  decoder_ffn_dim: 64,
  num_queries: 9,
  id2label: { 0: 'cat', 1: 'dog', 2: 'crab' },
  label2id: { cat: 0, dog: 1, crab: 2 },
};

const models: Readonly<Record<string, () => Promise<LoadedModel>>> = {
  'vit-p8': () => fromPretrained(join(reference, 'vit-p8')),
  'resnet-bottleneck': () => fromPretrained(join(reference, 'resnet-bottleneck')),
  detr: () => fromPretrained(join(reference, 'detr')),
  'detr (timm)': async () => fromConfig(timmDetr, { seed: 4 }),
  'yolos-mid': () => fromPretrained(join(reference, 'yolos-mid')),
};
/** Input sizes that no recording used; ViT's original takes its own size alone. */
const sizes: Readonly<Record<string, readonly [number, number]>> = { 'vit-p8': [32, 32] };

let device: Device;
let root: string;
beforeAll(async () => {
  expect(existsSync(reference), `the reference models in ${reference}`).toBe(true);
  device = await openDevice('wasm');
  root = await mkdtemp(join(tmpdir(), 'ocelli-interop-'));
});
afterAll(async () => {
  await device.dispose();
  await rm(root, { recursive: true, force: true });
});

function seededInputs(loaded: LoadedModel, [height, width]: readonly [number, number]): Arrays {
  const random = derive(11, 'interop', height, width);
  const batch = 2;
  const arrays: Arrays = {
    pixel_values: {
      shape: [batch, 3, height, width],
      dtype: 'float32',
      data: Array.from({ length: batch * 3 * height * width }, () => Math.fround(random.normal())),
    },
  };
  if (loaded.model.takesPixelMask) {
    arrays.pixel_mask = {
      shape: [batch, height, width],
      dtype: 'int64',
      // The second picture is padded: a quarter at the bottom, a third at the right.
      data: Array.from({ length: batch * height * width }, (_, i) => {
        const row = Math.floor(i / width) % height;
        return i < height * width || (row < 0.75 * height && i % width < 0.66 * width) ? 1 : 0;
      }),
    };
  }
  return arrays;
}

async function ourOutputs({ model }: LoadedModel, inputs: Arrays): Promise<Arrays> {
  const tensors = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, data }]) => [name, tf.tensor(data, shape, 'float32')]),
  );
  const outputs = tf.tidy(() => ({
    ...model.forward(tensors as { pixel_values: tf.Tensor }, { training: false }),
  }));
  const arrays: Arrays = {};
  for (const [name, tensor] of Object.entries(outputs)) {
    if (!name.includes('.')) {
      arrays[name] = { shape: tensor.shape, dtype: 'float32', data: [...(await tensor.data())] };
    }
  }
  tf.dispose([tensors, outputs]);
  return arrays;
}

function expectClose(actual: Arrays, expected: Arrays): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, { shape, data }] of Object.entries(expected)) {
    expect(actual[name]!.shape).toEqual(shape);
    const worst = data.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - actual[name]!.data[i]!)),
      0,
    );
    expect(worst, name).toBeLessThan(1e-4);
  }
}

describe.each(Object.keys(models))('%s', (name) => {
  let folder: string;
  let inputsPath: string;
  let expected: Arrays;
  let task: string;

  beforeAll(async () => {
    const loaded = await models[name]!();
    folder = join(root, name.replaceAll(/\W+/g, '-'));
    const { files } = await exportModel(loaded, { format: 'mlflow' });
    for (const [path, bytes] of files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), bytes);
    }
    const inputs = seededInputs(loaded, sizes[name] ?? [78, 109]);
    inputsPath = join(folder, 'inputs.json');
    await writeFile(inputsPath, JSON.stringify(inputs));
    expected = await ourOutputs(loaded, inputs);
    task = loaded.model.task;
    loaded.model.dispose();
  }, 120_000);

  const script = (file: string): string => `tests/integration/interop/${file}`;

  it('gives the same outputs in transformers on PyTorch', async () => {
    expectClose(
      await pythonScript<Arrays>('torch', script('with_transformers.py'), [folder, task, inputsPath]),
      expected,
    );
  }, 300_000);

  it('passes the checker and gives the same outputs in onnxruntime', async () => {
    const path = join(folder, 'onnx/model.onnx');
    expectClose(
      await pythonScript<Arrays>('tools', script('with_onnxruntime.py'), [path, inputsPath]),
      expected,
    );
  }, 300_000);

  it('loads in MLflow as pyfunc and as ONNX and predicts the same', async () => {
    expectClose(
      await pythonScript<Arrays>('mlflow', script('with_mlflow.py'), [folder, inputsPath]),
      expected,
    );
  }, 300_000);
});
