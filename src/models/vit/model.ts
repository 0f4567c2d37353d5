/**
 * ViT: An Image is Worth 16×16 Words (Dosovitskiy et al., arXiv:2010.11929), as transformers'
 * ViTForImageClassification: patches and a class token through a transformer encoder; the head reads the class
 * token after the last LayerNorm. There is no pooler.
 */
import type { TaskName } from '../../core/index.ts';
import { tf } from '../../engine/index.ts';
import {
  dropout,
  expandBatch,
  type ForwardContext,
  type Initializer,
  LayerNorm,
  Linear,
  Module,
  type Parameter,
  truncatedNormal,
} from '../../nn/index.ts';
import { labelCount } from '../config.ts';
import { type HfConfig, type ModelInputs, type ModelOutputs, VisionModel } from '../types.ts';
import { readViTConfig, type ViTConfig } from './config.ts';
import { ViTEncoder } from './encoder.ts';
import { ViTLayer } from './layer.ts';
import { gridOf, PatchEmbeddings, resizePositions } from './patches.ts';

class ViTEmbeddings extends Module {
  private readonly clsToken: Parameter;
  private readonly positionEmbeddings: Parameter;
  private readonly patchEmbeddings: PatchEmbeddings;

  constructor(
    private readonly config: ViTConfig,
    init: Initializer,
  ) {
    super();
    const { hidden_size: width } = config;
    const [rows, columns] = gridOf(config.image_size, config.patch_size);
    this.clsToken = this.parameter('cls_token', [1, 1, width], init);
    this.positionEmbeddings = this.parameter('position_embeddings', [1, rows * columns + 1, width], init);
    this.patchEmbeddings = this.child('patch_embeddings', new PatchEmbeddings(config, init));
  }

  forward(pixelValues: tf.Tensor, context: ForwardContext): tf.Tensor {
    const { tokens, grid } = this.patchEmbeddings.forward(pixelValues);
    const sequence = tf.concat([expandBatch(this.clsToken.value, tokens.shape[0]!), tokens], 1);
    const trained = gridOf(this.config.image_size, this.config.patch_size);
    const positions = resizePositions(this.positionEmbeddings.value, 1, trained, grid);
    return dropout(tf.add(sequence, positions), this.config.hidden_dropout_prob, context);
  }
}

class ViTModel extends Module {
  readonly embeddings: ViTEmbeddings;
  readonly encoder: ViTEncoder;
  readonly layernorm: LayerNorm;

  constructor(config: ViTConfig, init: Initializer) {
    super();
    this.embeddings = this.child('embeddings', new ViTEmbeddings(config, init));
    this.encoder = this.child(
      'encoder',
      new ViTEncoder(config.num_hidden_layers, () => new ViTLayer(config, init)),
    );
    this.layernorm = this.child('layernorm', new LayerNorm(config.hidden_size, config.layer_norm_eps));
  }
}

export class ViTForImageClassification extends VisionModel {
  protected readonly backbonePrefix = 'vit.';
  readonly classHeads = [
    { parameter: 'classifier.weight', extraRows: 0 },
    { parameter: 'classifier.bias', extraRows: 0 },
  ];
  private readonly vit: ViTModel;
  private readonly classifier: Linear;

  constructor(config: HfConfig, task: TaskName) {
    super(config, task);
    const fields = readViTConfig(config);
    const init = truncatedNormal(fields.initializer_range);
    this.vit = this.child('vit', new ViTModel(fields, init));
    this.classifier = this.child('classifier', new Linear(fields.hidden_size, labelCount(config), { init }));
  }

  /** `logits` [batch, labels]. At another size than the trained one the position embeddings are interpolated. */
  forward({ pixel_values: pixelValues }: ModelInputs, context: ForwardContext): ModelOutputs {
    const embedded = tf.tidy(() => this.vit.embeddings.forward(pixelValues, context));
    const { hidden, states } = this.vit.encoder.forward(embedded, context);
    const [batch, , width] = hidden.shape as [number, number, number];
    const normalised = this.vit.layernorm.forward(hidden);
    const classToken = tf.reshape(tf.slice(normalised, [0, 0, 0], [batch, 1, width]), [batch, width]);
    return { logits: this.classifier.forward(classToken), ...states };
  }
}
