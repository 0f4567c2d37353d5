/** The fields of a DETR's `config.json` and their defaults in transformers. */
import { z } from 'zod';
import { positive, rate, readConfig, requireDivisible, unsupported } from '../config.ts';
import type { HfConfig } from '../types.ts';

const fields = {
  use_timm_backbone: z.boolean().default(true),
  backbone: z.string().optional(),
  backbone_config: z.looseObject({ model_type: z.string() }).optional(),
  backbone_kwargs: z.looseObject({}).optional(),
  dilation: z.boolean().default(false),
  num_channels: positive.default(3),
  num_queries: positive.default(100),
  d_model: positive.default(256),
  encoder_layers: positive.default(6),
  encoder_ffn_dim: positive.default(2048),
  encoder_attention_heads: positive.default(8),
  decoder_layers: positive.default(6),
  decoder_ffn_dim: positive.default(2048),
  decoder_attention_heads: positive.default(8),
  encoder_layerdrop: rate.default(0),
  decoder_layerdrop: rate.default(0),
  activation_function: z.string().default('relu'),
  dropout: rate.default(0.1),
  attention_dropout: rate.default(0),
  activation_dropout: rate.default(0),
  init_std: z.number().positive().default(0.02),
  auxiliary_loss: z.boolean().default(false),
  position_embedding_type: z.enum(['sine', 'learned']).default('sine'),
};

export type DetrConfig = z.infer<z.ZodObject<typeof fields>>;

export function readDetrConfig(config: HfConfig): DetrConfig {
  const read = readConfig(config, fields);
  requireDivisible(read.d_model, read.encoder_attention_heads, 'd_model and encoder_attention_heads');
  requireDivisible(read.d_model, read.decoder_attention_heads, 'd_model and decoder_attention_heads');
  // Sines and cosines of rows and of columns: four equal parts.
  requireDivisible(read.d_model, 4, 'd_model and the four parts of its position embeddings');
  for (const field of ['encoder_layerdrop', 'decoder_layerdrop'] as const) {
    if (read[field] > 0) throw unsupported(field, read[field], '0');
  }
  return read;
}
