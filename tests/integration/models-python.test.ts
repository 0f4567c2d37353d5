/**
 * Models of every kind that a config can ask for, beyond the reference cases, against Python's transformers and
 * timm: dilation, output strides, early stages, learned positions, other activations and sizes.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Device, openDevice, tf } from '../../src/engine/index.ts';
import { memorySource, openSafetensors } from '../../src/formats/safetensors/index.ts';
import { fromPretrained } from '../../src/models/index.ts';
import { pythonScript } from '../support/python-script.ts';

const variants = [
  'timm-basic',
  'timm-bottleneck',
  'timm-dilation',
  'timm-stride-8',
  'timm-early-stage',
  'timm-learned-positions',
  'native-early-stage',
  'resnet-early-stride',
  'vit-other-size',
  'yolos-one-class',
];

let device: Device;
let root: string;
let trained: Record<string, string[]>;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ocelli-variants-'));
  trained = await pythonScript('torch', 'tests/integration/interop/model_variants.py', [root]);
  device = await openDevice('wasm');
}, 300_000);

afterAll(async () => {
  await device.dispose();
  await rm(root, { recursive: true, force: true });
});

test.each(variants)('%s', async (name) => {
  const folder = join(root, name);
  const values = await openSafetensors(
    memorySource(name, new Uint8Array(await readFile(join(folder, 'values.safetensors')))),
  );
  const { model, report } = await fromPretrained(folder);
  expect(report).toMatchObject({ missing: [], unexpected: [] });
  const ours = [...model.parameters()].filter(([, parameter]) => parameter.requiresGrad);
  expect(ours.map(([parameter]) => parameter).sort()).toEqual(trained[name]!.toSorted());

  const tensor = async (key: string): Promise<tf.Tensor> =>
    tf.tensor(await values.read(key), [...values.tensors.get(key)!.shape]);
  const pixel_values = await tensor('pixel_values');
  const mask = values.tensors.has('pixel_mask') ? { pixel_mask: await tensor('pixel_mask') } : {};
  const outputs = tf.tidy(() => ({
    ...model.forward({ pixel_values, ...mask }, { training: false, outputHiddenStates: true }),
  }));
  const expected = [...values.tensors.keys()].filter((key) => key.startsWith('out.'));
  expect(expected.length).toBeGreaterThan(0);
  for (const key of expected) {
    const reference = await values.read(key);
    const received = await outputs[key.slice('out.'.length)]!.data();
    const scale = reference.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    const error = reference.reduce((worst, value, i) => Math.max(worst, Math.abs(value - received[i]!)), 0);
    expect(received.length, key).toBe(reference.length);
    expect(error / scale, key).toBeLessThan(2e-5);
  }
  tf.dispose([pixel_values, ...Object.values(mask), ...Object.values(outputs)]);
  model.dispose();
});
