/** The fields of a VitPose's `config.json` and of its `backbone_config`, with their defaults in transformers. */
import { z } from 'zod';
import { ConfigError } from '../../core/index.ts';
import { positive, readConfig, requireDivisible, sizePair, unsupported } from '../config.ts';
import type { HfConfig } from '../types.ts';
import { encoderFields, type Grid, gridOf } from '../vit/index.ts';

/** On every side of the picture in the patch embedding: the filters reach over the patches' borders. */
export const patchPadding = 2;

const { intermediate_size: _, ...sharedFields } = encoderFields;

const backboneFields = {
  ...sharedFields,
  image_size: sizePair.default([256, 192]),
  mlp_ratio: z.number().positive().default(4),
  num_experts: positive.default(1),
  out_features: z.array(z.string()).optional(),
  out_indices: z.array(z.number().int()).optional(),
};

const fields = {
  backbone_config: z.record(z.string(), z.unknown()),
  initializer_range: z.number().positive().default(0.02),
  scale_factor: positive.default(4),
  use_simple_decoder: z.boolean().default(true),
};

export type BackboneConfig = z.infer<z.ZodObject<typeof backboneFields>>;
export type VitPoseConfig = z.infer<z.ZodObject<typeof fields>> & {
  readonly backbone: BackboneConfig;
  /** Patches of a picture. */
  readonly grid: Grid;
};

export function readVitPoseConfig(config: HfConfig): VitPoseConfig {
  if (config.backbone != null) throw unsupported('backbone', config.backbone, 'left out for VitPose');
  const read = readConfig(config, fields);
  const { model_type: type = 'vitpose_backbone' } = read.backbone_config;
  if (type !== 'vitpose_backbone') {
    throw unsupported('backbone_config.model_type', type, '"vitpose_backbone"');
  }
  const backbone = readConfig(
    { ...read.backbone_config, model_type: type },
    backboneFields,
    'backbone_config in config.json',
  );
  requireDivisible(
    backbone.hidden_size,
    backbone.num_attention_heads,
    'backbone_config.hidden_size and num_attention_heads',
  );
  // VitPose+ routes each picture to an expert by a `dataset_index`, which nothing here provides.
  if (backbone.num_experts > 1) {
    throw unsupported('backbone_config.num_experts', backbone.num_experts, '1, a model without experts');
  }
  requireLastStage(backbone);
  return { ...read, backbone, grid: patchGrid(backbone) };
}

/** The heads of all published checkpoints read the last layer, which is also what a config says by saying nothing. */
function requireLastStage(backbone: BackboneConfig): void {
  const layers = backbone.num_hidden_layers;
  const feature = backbone.out_features?.at(-1) ?? `stage${layers}`;
  const index = backbone.out_indices?.at(-1) ?? layers;
  if (feature !== `stage${layers}`) {
    throw unsupported('backbone_config.out_features', backbone.out_features, `["stage${layers}"]`);
  }
  if (index !== layers && index !== -1) {
    throw unsupported('backbone_config.out_indices', backbone.out_indices, `[${layers}]`);
  }
}

/**
 * Rows and columns of patches. There is a position for each whole patch of the picture; the padded convolution
 * finds one more where the rest behind them is nearly a patch, and such sizes don't work in the original either.
 */
function patchGrid({ image_size: imageSize, patch_size: patchSize }: BackboneConfig): Grid {
  const grid = gridOf(imageSize, patchSize);
  const padded = imageSize.map((size) => size + 2 * patchPadding) as [number, number];
  const computed = gridOf(padded, patchSize);
  if (grid[0] > 0 && grid[1] > 0 && computed.join() === grid.join()) return grid;
  throw new ConfigError({
    code: 'model_config_invalid',
    expected: `backbone_config.image_size in whole patches of ${patchSize.join(' × ')} pixels`,
    received: imageSize.join(' × '),
    fix: `choose multiples, such as ${grid.map((count, axis) => Math.max(count, 1) * patchSize[axis]!).join(' × ')}`,
  });
}
