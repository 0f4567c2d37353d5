/**
 * YOLOS: You Only Look at One Sequence (Fang et al., arXiv:2106.00666), as transformers'
 * YolosForObjectDetection: a plain ViT whose sequence is [CLS], patches, detection tokens; each detection token
 * ends as one box and one class. Position embeddings are for one input size and always resized to the one at
 * hand; larger models add further ones after every layer but the last.
 */
import type { TaskName } from '../../core/index.ts';
import { ops, tf } from '../../engine/index.ts';
import {
  dropout,
  expandBatch,
  type ForwardContext,
  type Initializer,
  LayerNorm,
  Mlp,
  Module,
  normal,
  type Parameter,
  zeros,
} from '../../nn/index.ts';
import { labelCount } from '../config.ts';
import { type HfConfig, type ModelInputs, type ModelOutputs, VisionModel } from '../types.ts';
import { type Grid, gridOf, PatchEmbeddings, resizePositions, ViTLayer } from '../vit/index.ts';
import { readYolosConfig, type YolosConfig } from './config.ts';

class YolosEmbeddings extends Module {
  private readonly clsToken: Parameter;
  private readonly detectionTokens: Parameter;
  private readonly positionEmbeddings: Parameter;
  private readonly patchEmbeddings: PatchEmbeddings;

  constructor(
    private readonly config: YolosConfig,
    init: Initializer,
  ) {
    super();
    const { hidden_size: width, num_detection_tokens: detections } = config;
    const [rows, columns] = gridOf(config.image_size, config.patch_size);
    this.clsToken = this.parameter('cls_token', [1, 1, width], zeros);
    this.detectionTokens = this.parameter('detection_tokens', [1, detections, width], zeros);
    this.positionEmbeddings = this.parameter(
      'position_embeddings',
      [1, rows * columns + detections + 1, width],
      zeros,
    );
    this.patchEmbeddings = this.child('patch_embeddings', new PatchEmbeddings(config, init));
  }

  forward(pixelValues: tf.Tensor, context: ForwardContext): { hidden: tf.Tensor; grid: Grid } {
    const { tokens, grid } = this.patchEmbeddings.forward(pixelValues);
    const batch = tokens.shape[0]!;
    const [cls, detections] = [this.clsToken, this.detectionTokens].map(({ value }) =>
      expandBatch(value, batch),
    );
    const sequence = tf.concat([cls!, tokens, detections!], 1);
    const trained = gridOf(this.config.image_size, this.config.patch_size);
    const positions = resizePositions(this.positionEmbeddings.value, 1, trained, grid);
    const hidden = dropout(tf.add(sequence, positions), this.config.hidden_dropout_prob, context);
    return { hidden, grid };
  }
}

class YolosEncoder extends Module {
  readonly layer: readonly ViTLayer[];
  private readonly midPositionEmbeddings: Parameter | undefined;

  constructor(
    private readonly config: YolosConfig,
    init: Initializer,
  ) {
    super();
    const { num_hidden_layers: layers, hidden_size: width, num_detection_tokens: detections } = config;
    if (config.use_mid_position_embeddings) {
      const [height, imageWidth] = config.image_size;
      const area = config.patch_size[0] * config.patch_size[1];
      const tokens = 1 + Math.floor((height * imageWidth) / area) + detections;
      this.midPositionEmbeddings = this.parameter(
        'mid_position_embeddings',
        [layers - 1, 1, tokens, width],
        zeros,
      );
    }
    this.layer = this.list(
      'layer',
      Array.from({ length: layers }, () => new ViTLayer(config, init)),
    );
  }

  /** What is added after layer `index`, for this grid: [1, tokens, width]. */
  midPositions(index: number, grid: Grid): tf.Tensor | undefined {
    const all = this.midPositionEmbeddings?.value;
    if (!all || index >= this.layer.length - 1) return undefined;
    const [, , tokens, width] = all.shape as [number, number, number, number];
    return tf.tidy(() => {
      const one = tf.reshape(tf.slice(all, [index, 0, 0, 0], [1, 1, tokens, width]), [1, tokens, width]);
      return resizePositions(one, 1, gridOf(this.config.image_size, this.config.patch_size), grid);
    });
  }
}

class YolosModel extends Module {
  readonly embeddings: YolosEmbeddings;
  readonly encoder: YolosEncoder;
  readonly layernorm: LayerNorm;

  constructor(config: YolosConfig, init: Initializer) {
    super();
    this.embeddings = this.child('embeddings', new YolosEmbeddings(config, init));
    this.encoder = this.child('encoder', new YolosEncoder(config, init));
    this.layernorm = this.child('layernorm', new LayerNorm(config.hidden_size, config.layer_norm_eps));
  }
}

export class YolosForObjectDetection extends VisionModel {
  protected readonly backbonePrefix = 'vit.';
  readonly classHeads = [
    { parameter: 'class_labels_classifier.layers.2.weight', extraRows: 1 },
    { parameter: 'class_labels_classifier.layers.2.bias', extraRows: 1 },
  ];
  private readonly fields: YolosConfig;
  private readonly vit: YolosModel;
  private readonly classLabelsClassifier: Mlp;
  private readonly bboxPredictor: Mlp;

  constructor(config: HfConfig, task: TaskName) {
    super(config, task);
    this.fields = readYolosConfig(config);
    const init = normal(this.fields.initializer_range);
    const width = this.fields.hidden_size;
    this.vit = this.child('vit', new YolosModel(this.fields, init));
    this.classLabelsClassifier = this.child(
      'class_labels_classifier',
      new Mlp([width, width, width, labelCount(config) + 1], init),
    );
    this.bboxPredictor = this.child('bbox_predictor', new Mlp([width, width, width, 4], init));
  }

  /** `logits` [batch, detection tokens, labels + 1], `pred_boxes` [batch, detection tokens, 4] (cx, cy, w, h). */
  forward({ pixel_values: pixelValues }: ModelInputs, context: ForwardContext): ModelOutputs {
    const states: Record<string, tf.Tensor> = {};
    const { layer: layers } = this.vit.encoder;
    const embedded = tf.tidy(() => {
      const { hidden, grid } = this.vit.embeddings.forward(pixelValues, context);
      return { hidden, rows: grid[0], columns: grid[1] };
    });
    const grid: Grid = [embedded.rows, embedded.columns];
    let hidden = embedded.hidden;
    if (context.outputHiddenStates) states['hidden_states.0'] = hidden;
    layers.forEach((layer, i) => {
      const mixed = layer.forward(hidden, context);
      // The states that are told are the layers' own outputs, without the positions that are added to them.
      if (context.outputHiddenStates) states[`hidden_states.${i + 1}`] = mixed;
      const positions = this.vit.encoder.midPositions(i, grid);
      const next = positions ? tf.add(mixed, positions) : mixed;
      if (!context.outputHiddenStates) tf.dispose([hidden, ...(positions ? [mixed, positions] : [])]);
      hidden = next;
    });
    const normalised = this.vit.layernorm.forward(hidden);
    if (context.outputHiddenStates) states.last_hidden_state = normalised;
    const [batch, tokens, width] = hidden.shape as [number, number, number];
    const detections = this.fields.num_detection_tokens;
    const found = tf.slice(normalised, [0, tokens - detections, 0], [batch, detections, width]);
    return {
      logits: this.classLabelsClassifier.forward(found),
      pred_boxes: ops.sigmoid(this.bboxPredictor.forward(found)),
      ...states,
    };
  }
}
