/**
 * The plain ViT below VitPose, as transformers' VitPoseBackbone. It differs from a classifier's ViT in three
 * things: patches overlap their neighbours' padding by two pixels, there is no class token (its position
 * embedding is still there and added to every patch), and the MLP's names are `fc1` and `fc2`.
 */
import { ShapeError } from '../../core/index.ts';
import { ops, tf } from '../../engine/index.ts';
import {
  Conv2d,
  dropout,
  type ForwardContext,
  type Initializer,
  LayerNorm,
  Linear,
  Module,
  type Parameter,
  toChannelsLast,
  toTokens,
} from '../../nn/index.ts';
import { type Grid, ViTAttention, ViTEncoder } from '../vit/index.ts';
import { type BackboneConfig, patchPadding } from './config.ts';

class VitPosePatchEmbeddings extends Module {
  private readonly projection: Conv2d;

  constructor(
    private readonly config: BackboneConfig,
    init: Initializer,
  ) {
    super();
    const { num_channels: channels, hidden_size: width, patch_size: patch } = config;
    this.projection = this.child(
      'projection',
      new Conv2d(channels, width, { kernel: patch, stride: patch, padding: patchPadding, init }),
    );
  }

  /** [batch, channels, height, width] → [batch, patches, hidden_size]. */
  forward(pixelValues: tf.Tensor): tf.Tensor {
    const expected = [this.config.num_channels, ...this.config.image_size];
    if (pixelValues.shape.slice(1).join() !== expected.join()) {
      throw new ShapeError({
        code: 'pixel_values_shape',
        expected: `pixel_values [batch, ${expected.join(', ')}]: VitPose knows the positions of one image size`,
        received: `[${pixelValues.shape.join(', ')}]`,
        fix: "let the model's own image processor prepare the pictures, or load the model with another imageSize",
      });
    }
    return toTokens(this.projection.forward(toChannelsLast(pixelValues)));
  }
}

class VitPoseEmbeddings extends Module {
  private readonly patchEmbeddings: VitPosePatchEmbeddings;
  private readonly positionEmbeddings: Parameter;

  constructor(
    private readonly config: BackboneConfig,
    [rows, columns]: Grid,
    init: Initializer,
  ) {
    super();
    this.patchEmbeddings = this.child('patch_embeddings', new VitPosePatchEmbeddings(config, init));
    const shape = [1, rows * columns + 1, config.hidden_size];
    this.positionEmbeddings = this.parameter('position_embeddings', shape, init);
  }

  forward(pixelValues: tf.Tensor, context: ForwardContext): tf.Tensor {
    const tokens = this.patchEmbeddings.forward(pixelValues);
    const [, patches, width] = tokens.shape as [number, number, number];
    const positions = this.positionEmbeddings.value;
    const ofClassToken = tf.slice(positions, [0, 0, 0], [1, 1, width]);
    const ofPatches = tf.slice(positions, [0, 1, 0], [1, patches, width]);
    const hidden = tf.add(tf.add(tokens, ofPatches), ofClassToken);
    return dropout(hidden, this.config.hidden_dropout_prob, context);
  }
}

class VitPoseMlp extends Module {
  private readonly fc1: Linear;
  private readonly fc2: Linear;
  private readonly activation: (x: tf.Tensor) => tf.Tensor;

  constructor({ hidden_size: width, mlp_ratio: ratio, hidden_act: name }: BackboneConfig, init: Initializer) {
    super();
    const inner = Math.trunc(width * ratio);
    this.fc1 = this.child('fc1', new Linear(width, inner, { init }));
    this.fc2 = this.child('fc2', new Linear(inner, width, { init }));
    this.activation = ops.activation(name);
  }

  forward(hidden: tf.Tensor): tf.Tensor {
    return this.fc2.forward(this.activation(this.fc1.forward(hidden)));
  }
}

class VitPoseLayer extends Module {
  private readonly attention: ViTAttention;
  private readonly mlp: VitPoseMlp;
  private readonly layernormBefore: LayerNorm;
  private readonly layernormAfter: LayerNorm;

  constructor(config: BackboneConfig, init: Initializer) {
    super();
    const { hidden_size: width, layer_norm_eps: epsilon } = config;
    this.attention = this.child('attention', new ViTAttention(config, init));
    this.mlp = this.child('mlp', new VitPoseMlp(config, init));
    this.layernormBefore = this.child('layernorm_before', new LayerNorm(width, epsilon));
    this.layernormAfter = this.child('layernorm_after', new LayerNorm(width, epsilon));
  }

  /** [batch, patches, hidden_size] → the same shape. */
  forward(hidden: tf.Tensor, context: ForwardContext): tf.Tensor {
    return tf.tidy(() => {
      const h = tf.add(this.attention.forward(this.layernormBefore.forward(hidden), context), hidden);
      return tf.add(this.mlp.forward(this.layernormAfter.forward(h)), h);
    });
  }
}

export class VitPoseBackbone extends Module {
  private readonly embeddings: VitPoseEmbeddings;
  private readonly encoder: ViTEncoder;
  private readonly layernorm: LayerNorm;

  constructor(
    config: BackboneConfig,
    private readonly grid: Grid,
    init: Initializer,
  ) {
    super();
    this.embeddings = this.child('embeddings', new VitPoseEmbeddings(config, grid, init));
    this.encoder = this.child(
      'encoder',
      new ViTEncoder(config.num_hidden_layers, () => new VitPoseLayer(config, init)),
    );
    this.layernorm = this.child('layernorm', new LayerNorm(config.hidden_size, config.layer_norm_eps));
  }

  /**
   * The last layer's output, normalised, as an image [batch, rows, columns, hidden_size]. With
   * `outputHiddenStates` also what went into each layer and came out of the last, not normalised.
   */
  forward(
    pixelValues: tf.Tensor,
    context: ForwardContext,
  ): { features: tf.Tensor; states: Record<string, tf.Tensor> } {
    const embedded = tf.tidy(() => this.embeddings.forward(pixelValues, context));
    const { hidden, states } = this.encoder.forward(embedded, context);
    const [batch, , width] = hidden.shape as [number, number, number];
    const features = tf.reshape(this.layernorm.forward(hidden), [batch, ...this.grid, width]);
    return { features, states };
  }
}
