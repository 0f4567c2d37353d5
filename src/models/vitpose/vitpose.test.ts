/** VitPose: names, both decoders, other sizes, and configs that it does not take. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError } from '../../core/index.ts';
import { type Device, openDevice, Tape, tf } from '../../engine/index.ts';
import { memorySource, openSafetensors } from '../../formats/safetensors/index.ts';
import { buildModel, fromConfig, fromPretrained, type HfConfig, type VisionModel } from '../index.ts';

const shelf = '../shared/reference/models/vitpose-simple';
const config = JSON.parse(readFileSync(`${shelf}/config.json`, 'utf8')) as HfConfig;
const backbone = config.backbone_config as Readonly<Record<string, unknown>>;
const changed = (fields: object, ofBackbone: object = {}): HfConfig => ({
  ...config,
  ...fields,
  backbone_config: { ...backbone, ...ofBackbone },
});

let device: Device;
beforeAll(async () => {
  device = await openDevice('wasm');
});
afterAll(() => device.dispose());

const shapes = (model: VisionModel): Record<string, readonly number[]> =>
  Object.fromEntries([...model.tensors()].map(([name, { shape }]) => [name, shape]));

describe('parameters', () => {
  test('are those of the checkpoint', async () => {
    const bytes = new Uint8Array(readFileSync(`${shelf}/model.safetensors`));
    const stored = await openSafetensors(memorySource('model', bytes));
    const model = buildModel(config);
    expect(shapes(model)).toEqual(
      Object.fromEntries([...stored.tensors].map(([name, { shape }]) => [name, shape])),
    );
    expect([...model.parameters()].filter(([name]) => !model.isBackbone(name)).map(([name]) => name)).toEqual(
      ['head.conv.weight', 'head.conv.bias'],
    );
  });

  test('of the classic decoder are two enlargements with batch norm', () => {
    const heads = Object.entries(shapes(buildModel(changed({ use_simple_decoder: false })))).filter(
      ([name]) => name.startsWith('head.'),
    );
    const norm = (name: string): [string, number[]][] => [
      [`head.${name}.weight`, [256]],
      [`head.${name}.bias`, [256]],
      [`head.${name}.running_mean`, [256]],
      [`head.${name}.running_var`, [256]],
      [`head.${name}.num_batches_tracked`, []],
    ];
    expect(heads).toEqual([
      ['head.deconv1.weight', [24, 256, 4, 4]],
      ...norm('batchnorm1'),
      ['head.deconv2.weight', [256, 256, 4, 4]],
      ...norm('batchnorm2'),
      ['head.conv.weight', [5, 256, 1, 1]],
      ['head.conv.bias', [5]],
    ]);
  });

  test('have the published sizes where a config leaves them out', () => {
    const model = buildModel({
      model_type: 'vitpose',
      backbone_config: { model_type: 'vitpose_backbone', out_indices: [12] },
      num_labels: 17,
    });
    expect(shapes(model)['backbone.embeddings.position_embeddings']).toEqual([1, 16 * 12 + 1, 768]);
    expect(shapes(model)['head.conv.weight']).toEqual([17, 768, 3, 3]);
  });
});

test('the classic decoder gives maps a quarter as large, and learns', async () => {
  const { model } = fromConfig(changed({ use_simple_decoder: false }), { seed: 1 });
  const pixel_values = tf.randomNormal([2, 3, 64, 48], 0, 1, 'float32', 7);
  const before = device.memory().tensors;
  const outputs = tf.tidy(() => model.forward({ pixel_values }, { training: false }));
  expect(Object.entries(outputs).map(([name, { shape }]) => [name, shape])).toEqual([
    ['heatmaps', [2, 5, 16, 12]],
  ]);
  tf.dispose(Object.values(outputs));
  expect(device.memory().tensors).toBe(before);
  using tape = new Tape();
  const { heatmaps } = model.forward({ pixel_values }, { training: true });
  const variables = [...model.parameters()].map(([, { value }]) => value);
  const gradients = tape.gradients(tf.mean(tf.square(heatmaps!)), variables);
  for (const [i, [name]] of [...model.parameters()].entries()) {
    const largest = (await tf.max(tf.abs(gradients[i]!)).data<'float32'>())[0]!;
    expect(largest, name).toBeGreaterThan(0);
  }
  model.dispose();
});

test('takes pictures of its own size alone, and can be loaded for another', async () => {
  const pictures = (height: number, width: number): { pixel_values: tf.Tensor } => ({
    pixel_values: tf.zeros([1, 3, height, width]),
  });
  const own = await fromPretrained(shelf);
  expect(() => own.model.forward(pictures(96, 64), { training: false })).toThrow(
    /pixel_values \[batch, 3, 64, 48\]/,
  );
  expect(own.processorConfig).toMatchObject({
    image_processor_type: 'VitPoseImageProcessor',
    size: { height: 64, width: 48 },
  });
  const other = await fromPretrained(shelf, { imageSize: { height: 96, width: 64 } });
  expect(other.report).toMatchObject({ missing: [], unexpected: [] });
  expect(other.config.backbone_config).toMatchObject({ image_size: [96, 64], hidden_size: 24 });
  const { heatmaps } = other.model.forward(pictures(96, 64), { training: false });
  expect(heatmaps!.shape).toEqual([1, 5, 24, 16]);
  // The first position is the class token's: it belongs to no place and stays as it is.
  const first = async ({ model }: { model: VisionModel }): Promise<Float32Array> => {
    const { value } = new Map(model.parameters()).get('backbone.embeddings.position_embeddings')!;
    return (await value.data<'float32'>()).slice(0, 24);
  };
  expect(await first(other)).toEqual(await first(own));
  own.model.dispose();
  other.model.dispose();
});

test.each<[string, HfConfig, RegExp]>([
  [
    'experts',
    changed({}, { num_experts: 6, part_features: 8 }),
    /num_experts .* 1, a model without experts\. Received: 6/,
  ],
  [
    'an earlier layer',
    changed({}, { out_features: ['stage1'], out_indices: [1] }),
    /out_features .*\["stage2"\]/,
  ],
  [
    'an earlier layer by its index',
    changed({}, { out_features: null, out_indices: [0] }),
    /out_indices .*\[2\]/,
  ],
  ['another backbone', changed({}, { model_type: 'swin' }), /"vitpose_backbone"\. Received: "swin"/],
  ['a backbone of timm', changed({ backbone: 'resnet18' }), /backbone in config\.json to be left out/],
  ['no backbone', { model_type: 'vitpose', num_labels: 3 }, /a vitpose model/],
  ['heads that do not divide the width', changed({}, { num_attention_heads: 5 }), /24 and 5 heads/],
  ['a size between patches', changed({}, { image_size: [78, 48] }), /whole patches of 16 × 16 .* 64 × 48/],
  ['no whole patch', changed({}, { image_size: [64, 8] }), /Received: 64 × 8/],
  ['an activation that is none', changed({}, { hidden_act: 'gelo' }), /gelo/],
])('%s: a clear error', (_, wrong, message) => {
  expect(() => buildModel(wrong)).toThrow(ConfigError);
  expect(() => buildModel(wrong)).toThrow(message);
});
