/**
 * Recipes of a second or two: models of a few thousand parameters on a few generated pictures. As text, because
 * that is what a user writes, and so that error messages have lines to name.
 */

/** A ResNet of two stages, as fields of a config. */
export const tinyStages = [
  'model_type: resnet',
  'layer_type: basic',
  'embedding_size: 8',
  'hidden_sizes: [8, 16]',
  'depths: [1, 1]',
  'stage_names: [stem, stage1, stage2]',
  'out_features: [stage2]',
  'out_indices: [2]',
];

const indented = (lines: readonly string[], spaces: number): string =>
  lines.map((line) => ' '.repeat(spaces) + line).join('\n');

const classifier = `model:
  model_name: tiny-resnet
  task_type: classification
  pretrained: false
  image_size: 32
  config:
${indented(tinyStages, 4)}
`;

const detector = `model:
  model_name: tiny-detr
  task_type: detection
  pretrained: false
  image_size: 64
  config:
    model_type: detr
    use_timm_backbone: false
    use_pretrained_backbone: false
    backbone: null
    backbone_config:
${indented(tinyStages, 6)}
    d_model: 16
    encoder_layers: 1
    decoder_layers: 1
    encoder_attention_heads: 2
    decoder_attention_heads: 2
    encoder_ffn_dim: 32
    decoder_ffn_dim: 32
    num_queries: 6
    dropout: 0.0
`;

const models = { classification: classifier, detection: detector } as const;

export interface TinyRecipe {
  readonly task?: keyof typeof models;
  /** Lines of the data section, without the paths' defaults where they are given. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly training?: Readonly<Record<string, unknown>>;
  readonly mlflow?: Readonly<Record<string, unknown>>;
}

/** 16 training pictures in batches of 8, 2 epochs: 4 steps. */
export function tinyRecipe({ task = 'classification', data, training, mlflow }: TinyRecipe = {}): string {
  return [
    models[task],
    section('data', {
      train_data_path: 'sample:shapes?images=16&seed=1',
      val_data_path: 'sample:shapes?images=8&seed=2',
      batch_size: 8,
      num_workers: 0,
      // What one test fetched must not be what another one finds.
      cache: false,
      ...data,
    }),
    section('training', { max_epochs: 2, learning_rate: 1e-3, log_every_n_steps: 1, ...training }),
    ...(mlflow ? [section('mlflow', mlflow)] : []),
  ].join('');
}

function section(name: string, values: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(values).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}\n`);
  return `${name}:\n${lines.join('')}`;
}
