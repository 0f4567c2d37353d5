/** The fields of a ViT's `config.json` and their defaults in transformers. */
import { z } from 'zod';
import { positive, rate, readConfig, requireDivisible, sizePair } from '../config.ts';
import type { HfConfig } from '../types.ts';

/** What ViT and YOLOS share. */
export const encoderFields = {
  hidden_size: positive.default(768),
  num_hidden_layers: positive.default(12),
  num_attention_heads: positive.default(12),
  intermediate_size: positive.default(3072),
  hidden_act: z.string().default('gelu'),
  hidden_dropout_prob: rate.default(0),
  attention_probs_dropout_prob: rate.default(0),
  initializer_range: z.number().positive().default(0.02),
  layer_norm_eps: z.number().positive().default(1e-12),
  patch_size: sizePair.default([16, 16]),
  num_channels: positive.default(3),
  qkv_bias: z.boolean().default(true),
};

const fields = { ...encoderFields, image_size: sizePair.default([224, 224]) };

export type EncoderConfig = z.infer<z.ZodObject<typeof encoderFields>>;
export type ViTConfig = z.infer<z.ZodObject<typeof fields>>;

export function readViTConfig(config: HfConfig): ViTConfig {
  const read = readConfig(config, fields);
  requireDivisible(read.hidden_size, read.num_attention_heads, 'hidden_size and num_attention_heads');
  return read;
}
