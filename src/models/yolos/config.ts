/** The fields of a YOLOS' `config.json` and their defaults in transformers. */
import { z } from 'zod';
import { positive, readConfig, requireDivisible, sizePair, unsupported } from '../config.ts';
import type { HfConfig } from '../types.ts';
import { encoderFields } from '../vit/index.ts';

const fields = {
  ...encoderFields,
  image_size: sizePair.default([512, 864]),
  num_detection_tokens: positive.default(100),
  use_mid_position_embeddings: z.boolean().default(true),
  auxiliary_loss: z.boolean().default(false),
};

export type YolosConfig = z.infer<z.ZodObject<typeof fields>>;

export function readYolosConfig(config: HfConfig): YolosConfig {
  const read = readConfig(config, fields);
  requireDivisible(read.hidden_size, read.num_attention_heads, 'hidden_size and num_attention_heads');
  // The original can't compute it either: it applies the head to a tuple.
  if (read.auxiliary_loss) throw unsupported('auxiliary_loss', true, 'false for YOLOS');
  return read;
}
