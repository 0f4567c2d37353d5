/**
 * The transformer layer of ViT, which YOLOS shares to the letter: pre-norm attention and pre-norm MLP, each
 * added to its input. The names are transformers' (`attention.attention.query`, `intermediate.dense`, …).
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
import type { EncoderConfig } from './config.ts';

type AttentionConfig = Omit<EncoderConfig, 'intermediate_size'>;

/** `query`, `key`, `value`. */
class ViTSelfAttention extends Module {
  private readonly query: Linear;
  private readonly key: Linear;
  private readonly value: Linear;

  constructor(
    private readonly config: AttentionConfig,
    init: Initializer,
  ) {
    super();
    const { hidden_size: width, qkv_bias: bias } = config;
    this.query = this.child('query', new Linear(width, width, { bias, init }));
    this.key = this.child('key', new Linear(width, width, { bias, init }));
    this.value = this.child('value', new Linear(width, width, { bias, init }));
  }

  forward(hidden: tf.Tensor, context: ForwardContext): tf.Tensor {
    const { num_attention_heads: heads, attention_probs_dropout_prob: rate } = this.config;
    const [query, key, value] = [this.query, this.key, this.value].map((linear) => linear.forward(hidden));
    return attend(query!, key!, value!, { heads, dropout: rate }, context);
  }
}

/** A linear layer under the name `dense`. */
class Dense extends Module {
  private readonly dense: Linear;

  constructor(inFeatures: number, outFeatures: number, init: Initializer) {
    super();
    this.dense = this.child('dense', new Linear(inFeatures, outFeatures, { init }));
  }

  forward(hidden: tf.Tensor): tf.Tensor {
    return this.dense.forward(hidden);
  }
}

/** Self-attention over all tokens and its output projection. */
export class ViTAttention extends Module {
  private readonly attention: ViTSelfAttention;
  private readonly output: Dense;

  constructor(
    private readonly config: AttentionConfig,
    init: Initializer,
  ) {
    super();
    this.attention = this.child('attention', new ViTSelfAttention(config, init));
    this.output = this.child('output', new Dense(config.hidden_size, config.hidden_size, init));
  }

  /** [batch, tokens, hidden_size] → the same shape. */
  forward(hidden: tf.Tensor, context: ForwardContext): tf.Tensor {
    const mixed = this.output.forward(this.attention.forward(hidden, context));
    return dropout(mixed, this.config.hidden_dropout_prob, context);
  }
}

export class ViTLayer extends Module {
  private readonly attention: ViTAttention;
  private readonly intermediate: Dense;
  private readonly output: Dense;
  private readonly layernormBefore: LayerNorm;
  private readonly layernormAfter: LayerNorm;
  private readonly activation: (x: tf.Tensor) => tf.Tensor;

  constructor(
    private readonly config: EncoderConfig,
    init: Initializer,
  ) {
    super();
    const { hidden_size: width, intermediate_size: inner, layer_norm_eps: epsilon } = config;
    this.attention = this.child('attention', new ViTAttention(config, init));
    this.intermediate = this.child('intermediate', new Dense(width, inner, init));
    this.output = this.child('output', new Dense(inner, width, init));
    this.layernormBefore = this.child('layernorm_before', new LayerNorm(width, epsilon));
    this.layernormAfter = this.child('layernorm_after', new LayerNorm(width, epsilon));
    this.activation = ops.activation(config.hidden_act);
  }

  /** [batch, tokens, hidden_size] → the same shape. */
  forward(hidden: tf.Tensor, context: ForwardContext): tf.Tensor {
    return tf.tidy(() => {
      const attended = this.attention.forward(this.layernormBefore.forward(hidden), context);
      const h = tf.add(attended, hidden);
      const inner = this.activation(this.intermediate.forward(this.layernormAfter.forward(h)));
      const mixed = this.output.forward(inner);
      return tf.add(dropout(mixed, this.config.hidden_dropout_prob, context), h);
    });
  }
}
