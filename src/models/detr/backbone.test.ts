/** DETR's two ways to name a backbone, what is trained in each, and dilation. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { derive } from '../../core/index.ts';
import { type Device, openDevice, tf } from '../../engine/index.ts';
import { buildModel, type HfConfig, type VisionModel } from '../index.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice('wasm');
});
afterAll(() => device.dispose());

const transformer = {
  model_type: 'detr',
  d_model: 16,
  encoder_layers: 1,
  decoder_layers: 1,
  encoder_attention_heads: 2,
  decoder_attention_heads: 2,
  encoder_ffn_dim: 16,
  decoder_ffn_dim: 16,
  num_queries: 5,
  id2label: { 0: 'a', 1: 'b' },
} as const;

const depths = [1, 2, 1, 1];

function timm(backbone: string, more: Readonly<Record<string, unknown>> = {}): HfConfig {
  return {
    ...transformer,
    use_timm_backbone: true,
    backbone,
    backbone_kwargs: { out_indices: [1, 2, 3, 4], layers: depths, channels: [8, 12, 16, 20] },
    ...more,
  };
}

function native(layerType: 'basic' | 'bottleneck'): HfConfig {
  const widths = [8, 12, 16, 20].map((width) => (layerType === 'bottleneck' ? 4 * width : width));
  return {
    ...transformer,
    use_timm_backbone: false,
    backbone_config: {
      model_type: 'resnet',
      embedding_size: 64,
      depths,
      hidden_sizes: widths,
      layer_type: layerType,
      out_features: ['stage4'],
    },
  };
}

/** A native name as timm writes it. */
function timmName(name: string): string {
  return name
    .replace('embedder.embedder.convolution', 'conv1')
    .replace('embedder.embedder.normalization', 'bn1')
    .replace(
      /encoder\.stages\.(\d)\.layers\.(\d)\./,
      (_, stage, block) => `layer${Number(stage) + 1}.${block}.`,
    )
    .replace('shortcut.convolution', 'downsample.0')
    .replace('shortcut.normalization', 'downsample.1')
    .replace(/layer\.(\d)\.convolution/, (_, i) => `conv${Number(i) + 1}`)
    .replace(/layer\.(\d)\.normalization/, (_, i) => `bn${Number(i) + 1}`);
}

/** Values that follow from a name alone, positive where a variance needs it. */
function fill(model: VisionModel, nameOf: (name: string) => string = (name) => name): void {
  for (const [name, tensor] of model.tensors()) {
    const random = derive(1, nameOf(name));
    const fanIn = tensor.size / (tensor.shape[0] ?? 1);
    const scale = tensor.shape.length > 1 ? Math.sqrt(2 / fanIn) : 0.3;
    const draw = (): number =>
      name.endsWith('running_var') ? random.uniform(0.5, 1.5) : scale * random.normal();
    tensor.set(Float32Array.from({ length: tensor.size }, draw));
  }
}

async function outputs(model: VisionModel): Promise<Record<string, number[]>> {
  const found = tf.tidy(() => {
    const pixel_values = tf.reshape(tf.sin(tf.range(0, 2 * 3 * 64 * 96)), [2, 3, 64, 96]);
    const pixel_mask = tf.concat([tf.ones([2, 64, 64]), tf.zeros([2, 64, 32])], 2);
    return { ...model.forward({ pixel_values, pixel_mask }, { training: false }) };
  });
  const values: Record<string, number[]> = {};
  for (const [name, tensor] of Object.entries(found)) values[name] = [...(await tensor.data())];
  tf.dispose(Object.values(found));
  return values;
}

describe.each([
  ['basic', 'resnet18'],
  ['bottleneck', 'resnet50'],
] as const)('%s blocks', (layerType, backbone) => {
  test('have the same shapes under both names', () => {
    const shapes = (model: VisionModel, nameOf = (name: string) => name): unknown =>
      Object.fromEntries([...model.tensors()].map(([name, tensor]) => [nameOf(name), tensor.shape]));
    expect(shapes(buildModel(native(layerType)), timmName)).toEqual(shapes(buildModel(timm(backbone))));
  });

  test('compute the same under both names', async () => {
    const [a, b] = [buildModel(native(layerType)), buildModel(timm(backbone))];
    fill(a, timmName);
    fill(b);
    const [first, second] = [await outputs(a), await outputs(b)];
    expect(first).toEqual(second);
    expect(new Set(first.pred_boxes).size).toBeGreaterThan(4);
    a.dispose();
    b.dispose();
  });
});

test('the native backbone is frozen whole, the timm one up to its first layer', () => {
  const trained = (model: VisionModel): string[] =>
    [...model.parameters()]
      .filter(([name, parameter]) => model.isBackbone(name) && parameter.requiresGrad)
      .map(([name]) => name);
  expect(trained(buildModel(native('basic')))).toEqual([]);
  const names = trained(buildModel(timm('resnet18')));
  expect(new Set(names.map((name) => /layer\d|conv1/.exec(name)![0]))).toEqual(
    new Set(['layer2', 'layer3', 'layer4']),
  );
  expect(names).toHaveLength(11);
});

test('dilation keeps the last stage at a sixteenth and changes no name', async () => {
  const [plain, dilated] = [buildModel(timm('resnet50')), buildModel(timm('resnet50', { dilation: true }))];
  expect([...dilated.tensors()].map(([name]) => name)).toEqual([...plain.tensors()].map(([name]) => name));
  fill(dilated);
  const found = tf.tidy(() => {
    const inputs = { pixel_values: tf.ones([1, 3, 64, 96]) };
    const all = dilated.forward(inputs, { training: false, outputHiddenStates: true });
    return all.encoder_last_hidden_state!.shape;
  });
  expect(found).toEqual([1, 4 * 6, 16]);
  dilated.dispose();
});

test('dilation means nothing to the native backbone, as in transformers', async () => {
  const [plain, dilated] = [buildModel(native('basic')), buildModel({ ...native('basic'), dilation: true })];
  fill(plain);
  fill(dilated);
  expect(await outputs(dilated)).toEqual(await outputs(plain));
  plain.dispose();
  dilated.dispose();
});

test('the last of the stages that are named is taken, the stem beside them', () => {
  const stages = (out_indices: readonly number[]): Set<string> => {
    const backbone_kwargs = { ...(timm('resnet18').backbone_kwargs as object), out_indices };
    const model = buildModel({ ...timm('resnet18'), backbone_kwargs });
    const found = new Set([...model.tensors()].flatMap(([name]) => /layer\d/.exec(name) ?? []));
    model.dispose();
    return found;
  };
  expect(stages([0, 2])).toEqual(new Set(['layer1', 'layer2']));
  expect(stages([3, 1])).toEqual(new Set(['layer1', 'layer2', 'layer3']));
});

test('padding changes nothing for the image beside it', async () => {
  const model = buildModel(timm('resnet18'));
  fill(model);
  const [alone, padded] = tf.tidy(() => {
    const picture = tf.reshape(tf.cos(tf.range(0, 3 * 64 * 64)), [1, 3, 64, 64]);
    const wide = tf.concat([picture, tf.zeros([1, 3, 64, 64])], 3);
    const mask = tf.concat([tf.ones([1, 64, 64]), tf.zeros([1, 64, 64])], 2);
    const context = { training: false };
    const masked = model.forward({ pixel_values: wide, pixel_mask: mask }, context).pred_boxes!;
    const otherPadding = tf.concat([wide, tf.zeros([1, 3, 64, 64])], 3);
    const otherMask = tf.concat([mask, tf.zeros([1, 64, 64])], 2);
    const wider = model.forward({ pixel_values: otherPadding, pixel_mask: otherMask }, context).pred_boxes!;
    return [masked, wider];
  });
  const [a, b] = [await alone!.data(), await padded!.data()];
  a.forEach((value, i) => {
    expect(value).toBeCloseTo(b[i]!, 5);
  });
  tf.dispose([alone!, padded!]);
  model.dispose();
});
