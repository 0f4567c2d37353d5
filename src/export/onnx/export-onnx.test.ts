/**
 * Every reference model of the families that we have, exported to ONNX with free sizes: onnxruntime must give
 * the outputs that transformers on PyTorch gave, and half precision must stay near them.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OnnxArray, openOnnxSession } from '#platform';
import { type Device, openDevice } from '../../engine/index.ts';
import { memorySource, openSafetensors, type TensorFile } from '../../formats/safetensors/index.ts';
import { buildModel, families, type VisionModel } from '../../models/index.ts';
import { exportOnnx } from './export-onnx.ts';

const root = resolve('../shared/reference/models');
const known = ['vit', 'resnet', 'detr', 'yolos'];
const cases = (existsSync(root) ? await readdir(root) : [])
  .filter((name) => known.some((family) => name === family || name.startsWith(`${family}-`)))
  .filter((name) => name !== 'detr-segmentation');

let device: Device;
beforeAll(async () => {
  device = await openDevice('wasm');
});
afterAll(() => device.dispose());

async function read(folder: string, file: string): Promise<TensorFile> {
  return openSafetensors(memorySource(file, new Uint8Array(await readFile(join(folder, file)))));
}

async function load(folder: string): Promise<VisionModel> {
  const model = buildModel(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')));
  const weights = await read(folder, 'model.safetensors');
  for (const [name, tensor] of model.tensors()) {
    const values = weights.tensors.has(name) ? await weights.read(name) : new Float32Array(tensor.size);
    tensor.set(values);
  }
  return model;
}

async function feeds(inputs: TensorFile, model: VisionModel): Promise<Record<string, OnnxArray>> {
  const pixels = inputs.tensors.get('pixel_values')!;
  const arrays: Record<string, OnnxArray> = {
    pixel_values: { data: await inputs.read('pixel_values'), shape: pixels.shape, dtype: 'float32' },
  };
  if (model.takesPixelMask) {
    const mask = inputs.tensors.get('pixel_mask')!;
    const data = BigInt64Array.from(await inputs.read('pixel_mask'), BigInt);
    arrays.pixel_mask = { data, shape: mask.shape, dtype: 'int64' };
  }
  return arrays;
}

function largestDifference(actual: ArrayLike<number | bigint>, expected: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < expected.length; i++)
    worst = Math.max(worst, Math.abs(Number(actual[i]) - expected[i]!));
  return worst;
}

it('finds the reference models', () => {
  expect(families().map((family) => family.modelType)).toEqual(expect.arrayContaining(known));
  expect(cases.length).toBeGreaterThanOrEqual(9);
});

describe.each(cases)('%s', (name) => {
  const folder = join(root, name);
  it.each(['fp32', 'fp16'] as const)('gives the reference outputs in %s, with free sizes', async (dtype) => {
    const model = await load(folder);
    try {
      const before = device.memory().tensors;
      const result = await exportOnnx(model, { dtype, fixedSize: [64, 64] });
      expect(device.memory().tensors).toBe(before);
      expect(result).toMatchObject({ dynamicSize: true, dtype });
      const session = await openOnnxSession(result.bytes, { device: 'cpu', threads: 1 });
      const expected = await read(folder, 'expected.safetensors');
      const outputs = await session.run(await feeds(await read(folder, 'inputs.safetensors'), model));
      expect(Object.keys(outputs)).toEqual(
        expected.tensors.has('eval.pred_boxes') ? ['logits', 'pred_boxes'] : ['logits'],
      );
      for (const [output, array] of Object.entries(outputs)) {
        expect(array.shape).toEqual([...expected.tensors.get(`eval.${output}`)!.shape]);
        const worst = largestDifference(array.data as Float32Array, await expected.read(`eval.${output}`));
        expect(worst, output).toBeLessThan(result.tolerance);
      }
      await session.dispose();
    } finally {
      model.dispose();
    }
  });
});
