import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ConfigError } from '../core/index.ts';
import { type Device, openDevice } from '../engine/index.ts';
import { decodeOnnx } from '../formats/onnx/index.ts';
import { fromConfig, type LoadedModel, saveModel } from '../models/index.ts';
import { exportModel, exportRun } from './index.ts';

const config = {
  model_type: 'vit',
  hidden_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 32,
  image_size: 32,
  patch_size: 8,
  id2label: { 0: 'disc', 1: 'ring', 2: 'cross' },
  label2id: { disc: 0, ring: 1, cross: 2 },
};

let device: Device;
let loaded: LoadedModel;
let folder: string;
beforeAll(async () => {
  device = await openDevice('wasm');
  loaded = fromConfig(config, { seed: 3 });
  folder = await mkdtemp(join(tmpdir(), 'ocelli-export-'));
});
afterAll(async () => {
  loaded.model.dispose();
  await device.dispose();
  await rm(folder, { recursive: true });
});

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

describe('exportModel', () => {
  it('makes the files of each format', async () => {
    const base = ['README.md', 'config.json', 'model.safetensors', 'preprocessor_config.json'];
    const hf = await exportModel(loaded, { format: 'hf' });
    expect([...hf.files.keys()].sort()).toEqual(base);
    expect(hf.onnx).toBeUndefined();
    const onnx = await exportModel(loaded, { format: 'onnx', dtype: 'fp16' });
    expect([...onnx.files.keys()].sort()).toEqual([...base, 'onnx/model_fp16.onnx'].sort());
    const mlflow = await exportModel(loaded, { format: 'mlflow' });
    expect([...mlflow.files.keys()].sort()).toEqual(
      [
        ...base,
        'MLmodel',
        'conda.yaml',
        'onnx/MLmodel',
        'onnx/model.onnx',
        'python_env.yaml',
        'requirements.txt',
      ].sort(),
    );
    expect(mlflow.onnx).toMatchObject({ path: 'onnx/model.onnx', dtype: 'fp32', dynamicSize: true });
    expect(mlflow.onnx!.maxAbs).toBeLessThan(1e-4);
    const model = parse(text(mlflow.files.get('MLmodel'))) as {
      signature: { inputs: string };
      flavors: object;
    };
    expect(JSON.parse(model.signature.inputs)).toEqual([
      { type: 'tensor', 'tensor-spec': { dtype: 'float32', shape: [-1, 3, -1, -1] }, name: 'pixel_values' },
    ]);
    expect(model.flavors).toMatchObject({ onnx: { data: 'onnx/model.onnx' } });
  });

  it('keeps float32 at the border of a half-precision file, and halves inside', async () => {
    const { files } = await exportModel(loaded, { format: 'onnx', dtype: 'fp16' });
    const { graph } = decodeOnnx(files.get('onnx/model_fp16.onnx')!);
    const border = [...graph.input, ...graph.output].map((value) => value.type.tensorType.elemType);
    expect(border).toEqual([1, 1]);
    const bytes = (type: number): number =>
      graph.initializer
        .filter((tensor) => tensor.dataType === type)
        .reduce((sum, tensor) => sum + tensor.rawData.byteLength, 0);
    expect(bytes(10)).toBeGreaterThan(10 * bytes(1));
  });

  it('writes a card from what is known', async () => {
    const card = {
      name: 'shapes',
      baseModel: 'google/vit-base-patch16-224',
      metrics: { test_accuracy: 0.98765, test_map_class_1: 0.5 },
      data: { source: 'sample:shapes', splits: { train: { images: 12, annotations: 12 } } },
      recipe: 'model:\n  model_name: x\n',
    };
    const { files } = await exportModel(loaded, { format: 'hf', card });
    const readme = text(files.get('README.md'));
    expect(parse(readme.split('---')[1]!)).toMatchObject({
      pipeline_tag: 'image-classification',
      base_model: 'google/vit-base-patch16-224',
      'model-index': [{ results: [{ metrics: [{ type: 'test_accuracy', value: 0.98765 }] }] }],
    });
    expect(readme).toContain('| train | 12 | 12 |');
    expect(readme).toContain('| test_accuracy | 0.9877 |');
    expect(readme).toContain('| test_map_class_1 (ring) | 0.5 |');
    expect(readme).toContain('`disc`, `ring`, `cross`');
    expect(readme).not.toContain('model.onnx');
  });

  it('refuses an unknown format', async () => {
    await expect(exportModel(loaded, { format: 'tflite' as 'hf' })).rejects.toThrow(ConfigError);
  });
});

describe('exportRun', () => {
  it("writes into the run's model folder and keeps its card", async () => {
    const saved = await saveModel(loaded);
    const { mkdir } = await import('node:fs/promises');
    await mkdir(join(folder, 'model'));
    for (const [name, content] of Object.entries(saved))
      await writeFile(join(folder, 'model', name), content);
    await writeFile(join(folder, 'model', 'README.md'), 'knows the training');
    const result = await exportRun(folder, { format: 'mlflow' });
    expect(result.folder).toBe(join(folder, 'model'));
    expect(await readdir(join(folder, 'model/onnx'))).toEqual(['MLmodel', 'model.onnx']);
    expect(await readFile(join(folder, 'model/README.md'), 'utf8')).toBe('knows the training');
    expect(new Uint8Array(await readFile(join(folder, 'model/model.safetensors')))).toEqual(
      saved['model.safetensors'],
    );
  });

  it('writes elsewhere when told to', async () => {
    const out = join(folder, 'other');
    const result = await exportRun(folder, { format: 'onnx', dtype: 'fp16', out });
    expect(result.onnx).toMatchObject({ dtype: 'fp16', tolerance: 2e-2 });
    expect((await readdir(out)).sort()).toEqual([
      'README.md',
      'config.json',
      'model.safetensors',
      'onnx',
      'preprocessor_config.json',
    ]);
  });
});
