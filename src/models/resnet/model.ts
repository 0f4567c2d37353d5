/**
 * ResNet: Deep Residual Learning for Image Recognition (He et al., arXiv:1512.03385), as transformers'
 * ResNetForImageClassification: stem, stages, the mean over the picture, a linear head (`classifier.1`; the
 * original's `classifier.0` flattens).
 */
import type { TaskName } from '../../core/index.ts';
import { tf } from '../../engine/index.ts';
import {
  BatchNorm2d,
  type ForwardContext,
  Linear,
  Module,
  toChannelsFirst,
  toChannelsLast,
} from '../../nn/index.ts';
import { labelCount } from '../config.ts';
import { type HfConfig, type ModelInputs, type ModelOutputs, VisionModel } from '../types.ts';
import { type ResNetConfig, readResNetConfig } from './config.ts';
import { ResNetEmbeddings, ResNetEncoder } from './layers.ts';

class ResNetModel extends Module {
  readonly embedder: ResNetEmbeddings;
  readonly encoder: ResNetEncoder;

  constructor(config: ResNetConfig) {
    super();
    const norm = (channels: number): BatchNorm2d => new BatchNorm2d(channels);
    this.embedder = this.child('embedder', new ResNetEmbeddings(config, norm));
    this.encoder = this.child('encoder', new ResNetEncoder(config, norm));
  }
}

export class ResNetForImageClassification extends VisionModel {
  protected readonly backbonePrefix = 'resnet.';
  readonly classHeads = [
    { parameter: 'classifier.1.weight', extraRows: 0 },
    { parameter: 'classifier.1.bias', extraRows: 0 },
  ];
  private readonly resnet: ResNetModel;
  private readonly classifier: Linear;

  constructor(config: HfConfig, task: TaskName) {
    super(config, task);
    const fields = readResNetConfig(config);
    this.resnet = this.child('resnet', new ResNetModel(fields));
    this.classifier = this.child('classifier.1', new Linear(fields.hidden_sizes.at(-1)!, labelCount(config)));
  }

  /** `logits` [batch, labels]; hidden states [batch, channels, height, width], the stem's first. */
  forward({ pixel_values: pixelValues }: ModelInputs, context: ForwardContext): ModelOutputs {
    return tf.tidy(() => {
      const embedding = this.resnet.embedder.forward(toChannelsLast(pixelValues), context);
      const states = this.resnet.encoder.forward(embedding, context);
      const pooled = tf.mean(states.at(-1)!, [1, 2]);
      const outputs: Record<string, tf.Tensor> = { logits: this.classifier.forward(pooled) };
      if (context.outputHiddenStates) {
        states.forEach((state, i) => {
          outputs[`hidden_states.${i}`] = toChannelsFirst(state);
        });
      }
      return outputs;
    });
  }
}
