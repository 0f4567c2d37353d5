/**
 * DETR's transformer (Carion et al., arXiv:2005.12872, figure 10): post-norm layers; position embeddings are
 * added to queries and keys in every attention, never to values.
 *
 * A quirk that checkpoints rely on: with `auxiliary_loss` the decoder feeds its final LayerNorm's output into the
 * next layer and applies that norm once more at the end, in evaluation too. transformers 4.57 computes this.
 */
import { ops, tf } from '../../engine/index.ts';
import {
  attend,
  dropout,
  type ForwardContext,
  type Initializer,
  LayerNorm,
  Linear,
  Module,
} from '../../nn/index.ts';
import type { DetrConfig } from './config.ts';

const layerNormEpsilon = 1e-5;

class DetrAttention extends Module {
  private readonly kProj: Linear;
  private readonly vProj: Linear;
  private readonly qProj: Linear;
  private readonly outProj: Linear;

  constructor(
    width: number,
    private readonly heads: number,
    private readonly dropout: number,
    init: Initializer,
  ) {
    super();
    this.kProj = this.child('k_proj', new Linear(width, width, { init }));
    this.vProj = this.child('v_proj', new Linear(width, width, { init }));
    this.qProj = this.child('q_proj', new Linear(width, width, { init }));
    this.outProj = this.child('out_proj', new Linear(width, width, { init }));
  }

  forward(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    mask: tf.Tensor | undefined,
    context: ForwardContext,
  ): tf.Tensor {
    const [q, k, v] = [this.qProj.forward(query), this.kProj.forward(key), this.vProj.forward(value)];
    const options = { heads: this.heads, dropout: this.dropout, ...(mask ? { mask } : {}) };
    return this.outProj.forward(attend(q, k, v, options, context));
  }
}

/** Two linear layers under the names `fc1` and `fc2` of the layer that they belong to. */
function feedForward(
  x: tf.Tensor,
  { fc1, fc2 }: { readonly fc1: Linear; readonly fc2: Linear },
  config: DetrConfig,
  context: ForwardContext,
): tf.Tensor {
  const inner = ops.activation(config.activation_function)(fc1.forward(x));
  return dropout(fc2.forward(dropout(inner, config.activation_dropout, context)), config.dropout, context);
}

export class DetrEncoderLayer extends Module {
  private readonly selfAttn: DetrAttention;
  private readonly selfAttnLayerNorm: LayerNorm;
  readonly fc1: Linear;
  readonly fc2: Linear;
  private readonly finalLayerNorm: LayerNorm;

  constructor(
    private readonly config: DetrConfig,
    init: Initializer,
  ) {
    super();
    const { d_model: width, encoder_attention_heads: heads, encoder_ffn_dim: inner } = config;
    this.selfAttn = this.child('self_attn', new DetrAttention(width, heads, config.attention_dropout, init));
    this.selfAttnLayerNorm = this.child('self_attn_layer_norm', new LayerNorm(width, layerNormEpsilon));
    this.fc1 = this.child('fc1', new Linear(width, inner, { init }));
    this.fc2 = this.child('fc2', new Linear(inner, width, { init }));
    this.finalLayerNorm = this.child('final_layer_norm', new LayerNorm(width, layerNormEpsilon));
  }

  forward(
    hidden: tf.Tensor,
    positions: tf.Tensor,
    mask: tf.Tensor | undefined,
    context: ForwardContext,
  ): tf.Tensor {
    return tf.tidy(() => {
      const placed = tf.add(hidden, positions);
      const attended = this.selfAttn.forward(placed, placed, hidden, mask, context);
      const h = this.selfAttnLayerNorm.forward(
        tf.add(hidden, dropout(attended, this.config.dropout, context)),
      );
      return this.finalLayerNorm.forward(tf.add(h, feedForward(h, this, this.config, context)));
    });
  }
}

/** What the decoder looks at: the encoder's output, where each feature lies, and which are padding. */
export interface Memory {
  readonly hidden: tf.Tensor;
  readonly positions: tf.Tensor;
  readonly mask: tf.Tensor | undefined;
}

export class DetrDecoderLayer extends Module {
  private readonly selfAttn: DetrAttention;
  private readonly selfAttnLayerNorm: LayerNorm;
  private readonly encoderAttn: DetrAttention;
  private readonly encoderAttnLayerNorm: LayerNorm;
  readonly fc1: Linear;
  readonly fc2: Linear;
  private readonly finalLayerNorm: LayerNorm;

  constructor(
    private readonly config: DetrConfig,
    init: Initializer,
  ) {
    super();
    const { d_model: width, decoder_attention_heads: heads, decoder_ffn_dim: inner } = config;
    const attention = (): DetrAttention => new DetrAttention(width, heads, config.attention_dropout, init);
    const norm = (): LayerNorm => new LayerNorm(width, layerNormEpsilon);
    this.selfAttn = this.child('self_attn', attention());
    this.selfAttnLayerNorm = this.child('self_attn_layer_norm', norm());
    this.encoderAttn = this.child('encoder_attn', attention());
    this.encoderAttnLayerNorm = this.child('encoder_attn_layer_norm', norm());
    this.fc1 = this.child('fc1', new Linear(width, inner, { init }));
    this.fc2 = this.child('fc2', new Linear(inner, width, { init }));
    this.finalLayerNorm = this.child('final_layer_norm', norm());
  }

  /** `hidden` [batch, queries, d_model], `queries` the learned position embeddings of the same shape. */
  forward(hidden: tf.Tensor, queries: tf.Tensor, memory: Memory, context: ForwardContext): tf.Tensor {
    const { dropout: rate } = this.config;
    return tf.tidy(() => {
      const placed = tf.add(hidden, queries);
      const among = this.selfAttn.forward(placed, placed, hidden, undefined, context);
      const h = this.selfAttnLayerNorm.forward(tf.add(hidden, dropout(among, rate, context)));

      const keys = tf.add(memory.hidden, memory.positions);
      const query = tf.add(h, queries);
      const seen = this.encoderAttn.forward(query, keys, memory.hidden, memory.mask, context);
      const looked = this.encoderAttnLayerNorm.forward(tf.add(h, dropout(seen, rate, context)));

      return this.finalLayerNorm.forward(tf.add(looked, feedForward(looked, this, this.config, context)));
    });
  }
}

const layersOf = <Layer extends Module>(count: number, make: () => Layer): Layer[] =>
  Array.from({ length: count }, make);

export class DetrEncoder extends Module {
  private readonly layers: readonly DetrEncoderLayer[];

  constructor(
    private readonly config: DetrConfig,
    init: Initializer,
  ) {
    super();
    const layers = layersOf(config.encoder_layers, () => new DetrEncoderLayer(config, init));
    this.layers = this.list('layers', layers);
  }

  /** The hidden states from the input to the last layer's output. */
  forward(
    features: tf.Tensor,
    positions: tf.Tensor,
    mask: tf.Tensor | undefined,
    context: ForwardContext,
  ): tf.Tensor[] {
    const states = [dropout(features, this.config.dropout, context)];
    for (const layer of this.layers) states.push(layer.forward(states.at(-1)!, positions, mask, context));
    return states;
  }
}

export interface DecoderStates {
  /** From the zeros that it starts with to the normalised output. */
  readonly hidden: readonly tf.Tensor[];
  /** The normalised output of every layer, with `auxiliary_loss`. */
  readonly intermediate: readonly tf.Tensor[];
}

export class DetrDecoder extends Module {
  private readonly layers: readonly DetrDecoderLayer[];
  private readonly layernorm: LayerNorm;

  constructor(
    private readonly config: DetrConfig,
    init: Initializer,
  ) {
    super();
    const layers = layersOf(config.decoder_layers, () => new DetrDecoderLayer(config, init));
    this.layers = this.list('layers', layers);
    this.layernorm = this.child('layernorm', new LayerNorm(config.d_model, layerNormEpsilon));
  }

  forward(queries: tf.Tensor, memory: Memory, context: ForwardContext): DecoderStates {
    const states: tf.Tensor[] = [tf.zeros(queries.shape)];
    const intermediate: tf.Tensor[] = [];
    for (const layer of this.layers) {
      let hidden = layer.forward(states.at(-1)!, queries, memory, context);
      if (this.config.auxiliary_loss) {
        hidden = this.layernorm.forward(hidden);
        intermediate.push(hidden);
      }
      states.push(hidden);
    }
    states.push(this.layernorm.forward(states.pop()!));
    return { hidden: states, intermediate };
  }
}
