/** The fields of a ResNet's `config.json` and their defaults in transformers. */
import { z } from 'zod';
import { ConfigError } from '../../core/index.ts';
import { positive, readConfig } from '../config.ts';

const fields = {
  num_channels: positive.default(3),
  embedding_size: positive.default(64),
  hidden_sizes: z.array(positive).min(1).default([256, 512, 1024, 2048]),
  depths: z.array(positive).min(1).default([3, 4, 6, 3]),
  layer_type: z.enum(['basic', 'bottleneck']).default('bottleneck'),
  hidden_act: z.string().default('relu'),
  downsample_in_first_stage: z.boolean().default(false),
  downsample_in_bottleneck: z.boolean().default(false),
  out_features: z.array(z.string()).optional(),
  out_indices: z.array(z.number().int()).optional(),
};

export type ResNetConfig = z.infer<z.ZodObject<typeof fields>>;

/** `where` names the place for messages: a ResNet's config may lie inside of another. */
export function readResNetConfig(config: Readonly<Record<string, unknown>>, where?: string): ResNetConfig {
  const read = readConfig(config, fields, where);
  if (read.depths.length !== read.hidden_sizes.length) {
    throw new ConfigError({
      code: 'model_config_invalid',
      expected: 'as many depths as hidden_sizes',
      received: `depths [${read.depths.join(', ')}] and hidden_sizes [${read.hidden_sizes.join(', ')}]`,
      fix: 'correct config.json',
    });
  }
  return read;
}
