/**
 * DETR's backbone: a ResNet whose batch norms are frozen. Checkpoints name its parameters in two ways. Those
 * with `use_timm_backbone` (the hub's main revisions) use timm's names (`layer1.0.conv1`), the others those of
 * transformers' own ResNet (`encoder.stages.0.layers.0.layer.0.convolution`). It is the same network.
 *
 * What is trained differs, as in transformers 4.57: with timm's names all convolutions from `layer2` on; with
 * native names none, because the original looks for `stage.1` where the names say `stages.1`.
 */
import { ops, tf } from '../../engine/index.ts';
import { type ForwardContext, FrozenBatchNorm2d, Module } from '../../nn/index.ts';
import { unsupported } from '../config.ts';
import { ResNetEmbeddings, ResNetEncoder, readResNetConfig } from '../resnet/index.ts';
import type { DetrConfig } from './config.ts';
import { readTimmSpec, TimmResNet } from './timm-resnet.ts';

/** [batch, height, width, channels] of pixels → the last feature map. */
export type Backbone = Module & {
  readonly outChannels: number;
  forward(pixels: tf.Tensor, context: ForwardContext): tf.Tensor;
};

/** transformers' ResNetBackbone. */
class NativeResNet extends Module {
  readonly outChannels: number;
  private readonly embedder: ResNetEmbeddings;
  private readonly encoder: ResNetEncoder;
  private readonly usedStages: number;

  constructor(config: Readonly<Record<string, unknown>>) {
    super();
    const fields = readResNetConfig(config, 'backbone_config');
    const norm = (channels: number): FrozenBatchNorm2d => new FrozenBatchNorm2d(channels);
    this.embedder = this.child('embedder', new ResNetEmbeddings(fields, norm));
    this.encoder = this.child('encoder', new ResNetEncoder(fields, norm));
    const count = fields.depths.length;
    // `stage4` is the fourth stage; the stem would be 0.
    const named = fields.out_features?.map((name) =>
      name === 'stem' ? 0 : Number(name.replace('stage', '')),
    );
    const last = Math.max(...(named ?? fields.out_indices ?? [count]));
    if (!(last >= 1 && last <= count)) {
      throw unsupported('backbone_config.out_features', fields.out_features, `names of its ${count} stages`);
    }
    this.usedStages = last;
    this.outChannels = fields.hidden_sizes[last - 1]!;
    for (const [, parameter] of this.parameters()) parameter.requiresGrad = false;
  }

  forward(pixels: tf.Tensor, context: ForwardContext): tf.Tensor {
    return tf.tidy(() => {
      const embedding = this.embedder.forward(pixels, context);
      return this.encoder.forward(embedding, context, this.usedStages).at(-1)!;
    });
  }
}

function buildBackbone(config: DetrConfig): Backbone {
  if (config.use_timm_backbone) {
    const model = new TimmResNet(readTimmSpec(config));
    for (const [name, parameter] of model.parameters()) {
      if (!/layer[234]/.test(name)) parameter.requiresGrad = false;
    }
    return model;
  }
  // `dilation` means nothing here: transformers' own ResNet can't be dilated, and DETR leaves the field out of account.
  const { backbone, backbone_config: given } = config;
  if (backbone !== undefined && backbone !== 'resnet50') {
    throw unsupported('backbone', backbone, 'null without use_timm_backbone');
  }
  const described = given ?? { model_type: 'resnet' };
  if (described.model_type !== 'resnet') {
    throw unsupported('backbone_config.model_type', described.model_type, '"resnet"');
  }
  return new NativeResNet(described);
}

/** The backbone under the name that transformers gives it, and the mask at the size of its feature map. */
export class ConvEncoder extends Module {
  readonly model: Backbone;

  constructor(config: DetrConfig) {
    super();
    this.model = this.child('model', buildBackbone(config));
  }

  /**
   * @param pixels [batch, height, width, channels]
   * @param pixelMask [batch, height, width], 1 = image, 0 = padding
   */
  forward(
    pixels: tf.Tensor,
    pixelMask: tf.Tensor,
    context: ForwardContext,
  ): { features: tf.Tensor; mask: tf.Tensor } {
    const features = this.model.forward(pixels, context);
    const [, height, width] = features.shape as [number, number, number];
    const mask = tf.tidy(() => {
      const image = tf.expandDims(tf.cast(pixelMask, 'float32'), 3);
      return tf.squeeze(ops.interpolate(image, { size: [height, width], mode: 'nearest' }), [3]);
    });
    return { features, mask };
  }
}
