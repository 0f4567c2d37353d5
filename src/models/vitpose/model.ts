/**
 * ViTPose: Simple Vision Transformer Baselines for Human Pose Estimation (Xu et al., arXiv:2204.12484), as
 * transformers' VitPoseForPoseEstimation: a plain ViT on the crop of one person, and a light decoder that turns
 * its patches into a heatmap per keypoint, a quarter as large as the crop.
 */
import type { TaskName } from '../../core/index.ts';
import { ops, type tf } from '../../engine/index.ts';
import {
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  type ForwardContext,
  type Initializer,
  Module,
  toChannelsFirst,
  truncatedNormal,
} from '../../nn/index.ts';
import { labelCount } from '../config.ts';
import { type HfConfig, type ModelInputs, type ModelOutputs, VisionModel } from '../types.ts';
import { VitPoseBackbone } from './backbone.ts';
import { readVitPoseConfig } from './config.ts';

/** ReLU, enlarged bilinearly, and one convolution. */
class SimpleDecoder extends Module {
  private readonly conv: Conv2d;

  constructor(
    width: number,
    keypoints: number,
    private readonly scale: number,
    init: Initializer,
  ) {
    super();
    this.conv = this.child('conv', new Conv2d(width, keypoints, { kernel: 3, padding: 1, init }));
  }

  forward(features: tf.Tensor): tf.Tensor {
    const [, rows, columns] = features.shape as [number, number, number, number];
    const size = [rows * this.scale, columns * this.scale] as const;
    return this.conv.forward(ops.interpolate(ops.relu(features), { size, mode: 'bilinear' }));
  }
}

/** Channels between the two enlargements. */
const classicWidth = 256;

/** Two learned enlargements by two, each with batch norm and ReLU, and a convolution over single pixels. */
class ClassicDecoder extends Module {
  private readonly deconv1: ConvTranspose2d;
  private readonly batchnorm1: BatchNorm2d;
  private readonly deconv2: ConvTranspose2d;
  private readonly batchnorm2: BatchNorm2d;
  private readonly conv: Conv2d;

  constructor(width: number, keypoints: number, init: Initializer) {
    super();
    const enlarge = { kernel: 4, stride: 2, padding: 1, bias: false };
    this.deconv1 = this.child('deconv1', new ConvTranspose2d(width, classicWidth, enlarge));
    this.batchnorm1 = this.child('batchnorm1', new BatchNorm2d(classicWidth));
    this.deconv2 = this.child('deconv2', new ConvTranspose2d(classicWidth, classicWidth, enlarge));
    this.batchnorm2 = this.child('batchnorm2', new BatchNorm2d(classicWidth));
    this.conv = this.child('conv', new Conv2d(classicWidth, keypoints, { kernel: 1, init }));
  }

  forward(features: tf.Tensor, context: ForwardContext): tf.Tensor {
    const double = ops.relu(this.batchnorm1.forward(this.deconv1.forward(features), context));
    const fourfold = ops.relu(this.batchnorm2.forward(this.deconv2.forward(double), context));
    return this.conv.forward(fourfold);
  }
}

export class VitPoseForPoseEstimation extends VisionModel {
  protected readonly backbonePrefix = 'backbone.';
  /** A "class" of this model is a keypoint: nose, left eye, … */
  readonly classHeads = [
    { parameter: 'head.conv.weight', extraRows: 0 },
    { parameter: 'head.conv.bias', extraRows: 0 },
  ];
  private readonly backbone: VitPoseBackbone;
  private readonly head: SimpleDecoder | ClassicDecoder;

  constructor(config: HfConfig, task: TaskName) {
    super(config, task);
    const { backbone, grid, ...fields } = readVitPoseConfig(config);
    const init = truncatedNormal(fields.initializer_range);
    const keypoints = labelCount(config);
    const width = backbone.hidden_size;
    this.backbone = this.child(
      'backbone',
      new VitPoseBackbone(backbone, grid, truncatedNormal(backbone.initializer_range)),
    );
    this.head = this.child(
      'head',
      fields.use_simple_decoder
        ? new SimpleDecoder(width, keypoints, fields.scale_factor, init)
        : new ClassicDecoder(width, keypoints, init),
    );
  }

  /** `heatmaps` [batch, keypoints, rows, columns], of one crop per person. */
  forward({ pixel_values: pixelValues }: ModelInputs, context: ForwardContext): ModelOutputs {
    const { features, states } = this.backbone.forward(pixelValues, context);
    return { heatmaps: toChannelsFirst(this.head.forward(features, context)), ...states };
  }
}
