/**
 * ResNet's stem, blocks and stages (He et al., arXiv:1512.03385), as transformers has them: the stride of a
 * bottleneck sits on its 3×3 convolution unless `downsample_in_bottleneck`. Which normalisation they use is
 * given from outside: DETR takes the same network with frozen batch norms.
 *
 * Activations are [batch, height, width, channels].
 */
import { ops, tf } from '../../engine/index.ts';
import { Conv2d, type ForwardContext, kaimingNormalFanOut, Module } from '../../nn/index.ts';
import type { ResNetConfig } from './config.ts';

export type Norm = Module & { forward(x: tf.Tensor, context: ForwardContext): tf.Tensor };
export type MakeNorm = (channels: number) => Norm;

interface ConvLayerOptions {
  readonly kernel: number;
  readonly stride?: number;
  readonly activation?: string;
}

/** Convolution, norm, and an activation where there is one. */
class ResNetConvLayer extends Module {
  private readonly convolution: Conv2d;
  private readonly normalization: Norm;
  private readonly activation: (x: tf.Tensor) => tf.Tensor;

  constructor(
    inChannels: number,
    outChannels: number,
    norm: MakeNorm,
    { kernel, stride = 1, activation = 'linear' }: ConvLayerOptions,
  ) {
    super();
    const options = {
      kernel,
      stride,
      padding: Math.floor(kernel / 2),
      bias: false,
      init: kaimingNormalFanOut,
    };
    this.convolution = this.child('convolution', new Conv2d(inChannels, outChannels, options));
    this.normalization = this.child('normalization', norm(outChannels));
    this.activation = ops.activation(activation);
  }

  forward(x: tf.Tensor, context: ForwardContext): tf.Tensor {
    return tf.tidy(() => {
      const normalised = this.normalization.forward(this.convolution.forward(x), context);
      return this.activation(normalised);
    });
  }
}

/** The stem: a 7×7 convolution and a max pooling, a quarter of the size. */
export class ResNetEmbeddings extends Module {
  private readonly embedder: ResNetConvLayer;

  constructor(config: ResNetConfig, norm: MakeNorm) {
    super();
    const options = { kernel: 7, stride: 2, activation: config.hidden_act };
    this.embedder = this.child(
      'embedder',
      new ResNetConvLayer(config.num_channels, config.embedding_size, norm, options),
    );
  }

  forward(pixels: tf.Tensor, context: ForwardContext): tf.Tensor {
    return tf.tidy(() =>
      ops.maxPool2d(this.embedder.forward(pixels, context), { kernel: 3, stride: 2, padding: 1 }),
    );
  }
}

/** A residual block: convolutions, plus their input (projected where the shape changes), then the activation. */
class ResNetLayer extends Module {
  private readonly shortcut: ResNetConvLayer | undefined;
  private readonly layer: readonly ResNetConvLayer[];
  private readonly activation: (x: tf.Tensor) => tf.Tensor;

  constructor(config: ResNetConfig, inChannels: number, outChannels: number, stride: number, norm: MakeNorm) {
    super();
    if (inChannels !== outChannels || stride !== 1) {
      const options = { kernel: 1, stride };
      this.shortcut = this.child('shortcut', new ResNetConvLayer(inChannels, outChannels, norm, options));
    }
    const make = config.layer_type === 'bottleneck' ? bottleneckLayers : basicLayers;
    this.layer = this.list('layer', make(config, inChannels, outChannels, stride, norm));
    this.activation = ops.activation(config.hidden_act);
  }

  forward(x: tf.Tensor, context: ForwardContext): tf.Tensor {
    return tf.tidy(() => {
      const residual = this.shortcut ? this.shortcut.forward(x, context) : x;
      const y = this.layer.reduce((h, layer) => layer.forward(h, context), x);
      return this.activation(tf.add(y, residual));
    });
  }
}

// Inside a block the activation is ReLU whatever the config says; `hidden_act` acts at its end and in the stem.

function basicLayers(
  _config: ResNetConfig,
  inChannels: number,
  outChannels: number,
  stride: number,
  norm: MakeNorm,
): ResNetConvLayer[] {
  return [
    new ResNetConvLayer(inChannels, outChannels, norm, { kernel: 3, stride, activation: 'relu' }),
    new ResNetConvLayer(outChannels, outChannels, norm, { kernel: 3 }),
  ];
}

function bottleneckLayers(
  { downsample_in_bottleneck: early }: ResNetConfig,
  inChannels: number,
  outChannels: number,
  stride: number,
  norm: MakeNorm,
): ResNetConvLayer[] {
  const inner = Math.floor(outChannels / 4);
  const [first, second] = early ? [stride, 1] : [1, stride];
  return [
    new ResNetConvLayer(inChannels, inner, norm, { kernel: 1, stride: first, activation: 'relu' }),
    new ResNetConvLayer(inner, inner, norm, { kernel: 3, stride: second, activation: 'relu' }),
    new ResNetConvLayer(inner, outChannels, norm, { kernel: 1 }),
  ];
}

class ResNetStage extends Module {
  private readonly layers: readonly ResNetLayer[];

  constructor(
    config: ResNetConfig,
    inChannels: number,
    outChannels: number,
    stride: number,
    depth: number,
    norm: MakeNorm,
  ) {
    super();
    const blocks = Array.from({ length: depth }, (_, i) =>
      i === 0
        ? new ResNetLayer(config, inChannels, outChannels, stride, norm)
        : new ResNetLayer(config, outChannels, outChannels, 1, norm),
    );
    this.layers = this.list('layers', blocks);
  }

  forward(x: tf.Tensor, context: ForwardContext): tf.Tensor {
    return tf.tidy(() => this.layers.reduce((h, layer) => layer.forward(h, context), x));
  }
}

export class ResNetEncoder extends Module {
  private readonly stages: readonly ResNetStage[];

  constructor(config: ResNetConfig, norm: MakeNorm) {
    super();
    const stages = config.hidden_sizes.map((channels, i) => {
      const inChannels = i === 0 ? config.embedding_size : config.hidden_sizes[i - 1]!;
      const stride = i > 0 || config.downsample_in_first_stage ? 2 : 1;
      return new ResNetStage(config, inChannels, channels, stride, config.depths[i]!, norm);
    });
    this.stages = this.list('stages', stages);
  }

  /** The stem's output and that of each of the first `stages` stages (all by default). */
  forward(embedding: tf.Tensor, context: ForwardContext, stages = this.stages.length): tf.Tensor[] {
    const states = [embedding];
    for (const stage of this.stages.slice(0, stages)) states.push(stage.forward(states.at(-1)!, context));
    return states;
  }
}
