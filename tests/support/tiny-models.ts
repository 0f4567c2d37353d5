/** The smallest model of every family that a step can train, with a batch for it: for tests of the engine. */
import { ClassMap, derive, type TaskName } from '../../src/core/index.ts';
import type { Batch } from '../../src/data/index.ts';
import { fromConfig, type HfConfig, type LoadedModel } from '../../src/models/index.ts';
import { createTask, type Task } from '../../src/tasks/index.ts';

interface TinyModel {
  readonly task: TaskName;
  /** Height, width. */
  readonly size: readonly [number, number];
  readonly config: HfConfig;
  readonly multiLabel?: boolean;
}

const detr = {
  model_type: 'detr',
  use_timm_backbone: false,
  use_pretrained_backbone: false,
  backbone: null,
  backbone_config: {
    model_type: 'resnet',
    layer_type: 'basic',
    depths: [1, 1, 1, 1],
    embedding_size: 8,
    hidden_sizes: [8, 12, 16, 20],
    out_features: ['stage4'],
  },
  d_model: 24,
  encoder_layers: 1,
  decoder_layers: 2,
  encoder_attention_heads: 4,
  decoder_attention_heads: 4,
  encoder_ffn_dim: 48,
  decoder_ffn_dim: 56,
  num_queries: 8,
  dropout: 0.1,
};

export const tinyModels: Readonly<Record<string, TinyModel>> = {
  vit: {
    task: 'classification',
    size: [32, 32],
    config: {
      model_type: 'vit',
      hidden_size: 32,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      intermediate_size: 64,
      image_size: 32,
      patch_size: 8,
      hidden_dropout_prob: 0.1,
      attention_probs_dropout_prob: 0.1,
    },
  },
  'vit, several labels': {
    task: 'classification',
    size: [32, 48],
    multiLabel: true,
    config: {
      model_type: 'vit',
      hidden_size: 24,
      num_hidden_layers: 1,
      num_attention_heads: 3,
      intermediate_size: 40,
      image_size: [32, 48],
      patch_size: 16,
      qkv_bias: false,
    },
  },
  resnet: {
    task: 'classification',
    size: [32, 32],
    config: {
      model_type: 'resnet',
      layer_type: 'bottleneck',
      depths: [1, 2],
      embedding_size: 8,
      hidden_sizes: [16, 24],
    },
  },
  detr: { task: 'detection', size: [64, 96], config: detr },
  'detr, auxiliary losses': { task: 'detection', size: [64, 64], config: { ...detr, auxiliary_loss: true } },
  yolos: {
    task: 'detection',
    size: [48, 64],
    config: {
      model_type: 'yolos',
      hidden_size: 24,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      intermediate_size: 64,
      image_size: [48, 64],
      patch_size: 8,
      num_detection_tokens: 7,
      use_mid_position_embeddings: true,
    },
  },
};

const classes = new ClassMap(['a', 'b', 'c', 'd'].map((name, i) => ({ id: i + 1, name })));

export interface TinyRun {
  readonly loaded: LoadedModel;
  readonly task: Task<unknown>;
  /** Pictures and truth that differ with the number; `count` of them are real. */
  batch(number: number, count?: number): Batch;
}

/** A model with random weights; the open device holds it until its `dispose`. */
export function tinyRun(name: string, batchSize = 2): TinyRun {
  const { task, size, config, multiLabel = false } = tinyModels[name]!;
  const [height, width] = size;
  const loaded = fromConfig(config, { task, classes, seed: 1 });
  return {
    loaded,
    task: createTask(task, { classes, config: loaded.config, multiLabel, labelSmoothing: 0.1 }),
    batch(number, count = batchSize) {
      const random = derive(3, 'batch', number);
      const rows = Array.from({ length: batchSize }, (_, row) => row);
      const label = (): number => random.integer(classes.size);
      const samples = rows.map((index) => ({
        index,
        imageId: index,
        size: { height, width },
        originalSize: { height, width },
        boxes: Array.from({ length: 1 + random.integer(3) }, () => {
          const [left, top] = [(random.next() * width) / 2, (random.next() * height) / 2];
          return [left, top, left + width / 4, top + height / 3] as [number, number, number, number];
        }),
        boxLabels: [] as number[],
        labels: multiLabel ? [label()] : [label()],
      }));
      for (const sample of samples) sample.boxLabels = sample.boxes.map(label);
      const pixelMask = new Uint8Array(batchSize * height * width).fill(1);
      // The last picture is a little narrower than the batch, by columns that differ with the number.
      for (let column = 0; column <= number % 3; column++)
        for (let row = 0; row < height; row++) pixelMask[pixelMask.length - 1 - row * width - column] = 0;
      return {
        position: number,
        indices: rows,
        imageIds: rows,
        pixelValues: Float32Array.from({ length: batchSize * 3 * height * width }, () => random.normal()),
        pixelMask,
        shape: [batchSize, 3, height, width],
        count,
        samples,
      };
    },
  };
}
