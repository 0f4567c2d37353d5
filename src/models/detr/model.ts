/**
 * DETR: End-to-End Object Detection with Transformers (Carion et al., arXiv:2005.12872), as transformers'
 * DetrForObjectDetection: a ResNet's last feature map goes through a transformer encoder; a fixed number of
 * learned queries look at it in the decoder, and each ends as one box and one class (the last: no object).
 */
import type { TaskName } from '../../core/index.ts';
import { ops, tf } from '../../engine/index.ts';
import {
  Conv2d,
  Embedding,
  expandBatch,
  type ForwardContext,
  type Initializer,
  Linear,
  Mlp,
  Module,
  normal,
  toChannelsLast,
  toTokens,
} from '../../nn/index.ts';
import { labelCount } from '../config.ts';
import { type HfConfig, type ModelInputs, type ModelOutputs, VisionModel } from '../types.ts';
import { ConvEncoder } from './backbone.ts';
import { type DetrConfig, readDetrConfig } from './config.ts';
import { LearnedPositions, sinePositions } from './position-embedding.ts';
import { type DecoderStates, DetrDecoder, DetrEncoder } from './transformer.ts';

/** The most negative float32: added to a score it leaves no probability. */
const float32Minimum = -3.4028234663852886e38;

/** `backbone.conv_encoder` and, where they are learned, `backbone.position_embedding`. */
class DetrConvModel extends Module {
  readonly convEncoder: ConvEncoder;
  private readonly learned: LearnedPositions | undefined;

  constructor(private readonly config: DetrConfig) {
    super();
    this.convEncoder = this.child('conv_encoder', new ConvEncoder(config));
    if (config.position_embedding_type === 'learned') {
      this.learned = this.child('position_embedding', new LearnedPositions(config.d_model));
    }
  }

  positions(mask: tf.Tensor): tf.Tensor {
    return this.learned ? this.learned.forward(mask) : sinePositions(mask, this.config.d_model);
  }
}

interface DetrStates {
  readonly encoder: readonly tf.Tensor[];
  readonly decoder: DecoderStates;
}

class DetrModel extends Module {
  private readonly backbone: DetrConvModel;
  private readonly inputProjection: Conv2d;
  private readonly queryPositionEmbeddings: Embedding;
  private readonly encoder: DetrEncoder;
  private readonly decoder: DetrDecoder;

  constructor(config: DetrConfig, init: Initializer) {
    super();
    const { d_model: width } = config;
    this.backbone = this.child('backbone', new DetrConvModel(config));
    const { outChannels } = this.backbone.convEncoder.model;
    this.inputProjection = this.child(
      'input_projection',
      new Conv2d(outChannels, width, { kernel: 1, init }),
    );
    this.queryPositionEmbeddings = this.child(
      'query_position_embeddings',
      new Embedding(config.num_queries, width, init),
    );
    this.encoder = this.child('encoder', new DetrEncoder(config, init));
    this.decoder = this.child('decoder', new DetrDecoder(config, init));
  }

  forward({ pixel_values: pixelValues, pixel_mask }: ModelInputs, context: ForwardContext): DetrStates {
    const [batch, , height, width] = pixelValues.shape as [number, number, number, number];
    const { features, positions, mask } = tf.tidy(() => {
      const pixelMask = pixel_mask ?? tf.ones([batch, height, width]);
      const seen = this.backbone.convEncoder.forward(toChannelsLast(pixelValues), pixelMask, context);
      const hidden = tf.sub(1, tf.reshape(seen.mask, [batch, 1, 1, -1]));
      return {
        features: toTokens(this.inputProjection.forward(seen.features)),
        positions: this.backbone.positions(seen.mask),
        // Without padding there is nothing to mask.
        ...(pixel_mask ? { mask: tf.mul(hidden, float32Minimum) } : {}),
      };
    }) as { features: tf.Tensor; positions: tf.Tensor; mask?: tf.Tensor };
    const encoder = this.encoder.forward(features, positions, mask, context);
    const queries = expandBatch(tf.expandDims(this.queryPositionEmbeddings.weight.value, 0), batch);
    const decoder = this.decoder.forward(queries, { hidden: encoder.at(-1)!, positions, mask }, context);
    return { encoder, decoder };
  }
}

export class DetrForObjectDetection extends VisionModel {
  protected readonly backbonePrefix = 'model.backbone.';
  override readonly takesPixelMask = true;
  readonly classHeads = [
    { parameter: 'class_labels_classifier.weight', extraRows: 1 },
    { parameter: 'class_labels_classifier.bias', extraRows: 1 },
  ];
  private readonly model: DetrModel;
  private readonly classLabelsClassifier: Linear;
  private readonly bboxPredictor: Mlp;

  constructor(config: HfConfig, task: TaskName) {
    super(config, task);
    const fields = readDetrConfig(config);
    const init = normal(fields.init_std);
    const width = fields.d_model;
    this.model = this.child('model', new DetrModel(fields, init));
    this.classLabelsClassifier = this.child(
      'class_labels_classifier',
      new Linear(width, labelCount(config) + 1, { init }),
    );
    this.bboxPredictor = this.child('bbox_predictor', new Mlp([width, width, width, 4], init));
  }

  /** Frozen batch norms count nothing; hub files still hold counters. */
  override ignoresOnLoad(name: string): boolean {
    return name.endsWith('.num_batches_tracked');
  }

  /**
   * `logits` [batch, queries, labels + 1], `pred_boxes` [batch, queries, 4] (cx, cy, w, h in 0 … 1); with
   * `auxiliary_loss` the same of every decoder layer but the last as `auxiliary_outputs.<i>.…`.
   */
  forward(inputs: ModelInputs, context: ForwardContext): ModelOutputs {
    const { encoder, decoder } = this.model.forward(inputs, context);
    const outputs: Record<string, tf.Tensor> = { ...this.predict(decoder.hidden.at(-1)!) };
    decoder.intermediate.slice(0, -1).forEach((state, i) => {
      const { logits, pred_boxes } = this.predict(state);
      outputs[`auxiliary_outputs.${i}.logits`] = logits;
      outputs[`auxiliary_outputs.${i}.pred_boxes`] = pred_boxes;
    });
    if (context.outputHiddenStates) {
      outputs.last_hidden_state = decoder.hidden.at(-1)!;
      outputs.encoder_last_hidden_state = encoder.at(-1)!;
      const listed = (name: string, states: readonly tf.Tensor[]): Record<string, tf.Tensor> =>
        Object.fromEntries(states.map((state, i) => [`${name}.${i}`, state]));
      Object.assign(outputs, listed('decoder_hidden_states', decoder.hidden));
      Object.assign(outputs, listed('encoder_hidden_states', encoder));
    }
    return outputs;
  }

  private predict(state: tf.Tensor): { logits: tf.Tensor; pred_boxes: tf.Tensor } {
    return {
      logits: this.classLabelsClassifier.forward(state),
      pred_boxes: ops.sigmoid(this.bboxPredictor.forward(state)),
    };
  }
}
