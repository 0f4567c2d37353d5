/**
 * timm's ResNet with frozen batch norms, as far as DETR uses it (`features_only`): the plain variants without
 * deep stems, with `output_stride` 16 or 8 for the dilated DC5 models, where a stage keeps its size and its
 * filters reach further instead.
 */

import { z } from 'zod';
import { ops, tf } from '../../engine/index.ts';
import {
  Conv2d,
  type ForwardContext,
  FrozenBatchNorm2d,
  kaimingNormalFanOut,
  Module,
} from '../../nn/index.ts';
import { positive, readConfig, unsupported } from '../config.ts';
import type { DetrConfig } from './config.ts';

/** timm's model functions: the block and how many of it each stage has. */
const variants: Readonly<Record<string, { bottleneck: boolean; layers: readonly number[] }>> = {
  resnet18: { bottleneck: false, layers: [2, 2, 2, 2] },
  resnet34: { bottleneck: false, layers: [3, 4, 6, 3] },
  resnet26: { bottleneck: true, layers: [2, 2, 2, 2] },
  resnet50: { bottleneck: true, layers: [3, 4, 6, 3] },
  resnet101: { bottleneck: true, layers: [3, 4, 23, 3] },
  resnet152: { bottleneck: true, layers: [3, 8, 36, 3] },
};

/** `backbone_kwargs`: what goes to timm's `create_model`. */
const keywordFields = {
  // 0 is the stem; DETR takes the last one.
  out_indices: z
    .array(z.number().int().min(0).max(4))
    .refine((indices) => Math.max(...indices) > 0, 'expected a stage from 1 to 4')
    .default([1, 2, 3, 4]),
  in_chans: positive.optional(),
  output_stride: z.literal([8, 16, 32]).optional(),
  layers: z.tuple([positive, positive, positive, positive]).optional(),
  channels: z.tuple([positive, positive, positive, positive]).default([64, 128, 256, 512]),
};

export interface TimmSpec {
  readonly bottleneck: boolean;
  /** Blocks of each stage; stages behind the last one that is used don't exist. */
  readonly layers: readonly number[];
  /** Inner channels of each stage. */
  readonly channels: readonly number[];
  readonly inChannels: number;
  readonly outputStride: number;
}

export function readTimmSpec(config: DetrConfig): TimmSpec {
  const backbone = config.backbone ?? 'resnet50';
  // The part after the dot names pretrained weights, not an architecture.
  const variant = variants[backbone.split('.')[0]!];
  if (!variant) throw unsupported('backbone', backbone, `one of timm's ${Object.keys(variants).join(', ')}`);
  const given = config.backbone_kwargs ?? {};
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(keywordFields, name)) {
      throw unsupported(
        `backbone_kwargs.${name}`,
        given[name],
        `left out (known: ${Object.keys(keywordFields).join(', ')})`,
      );
    }
  }
  const keywords = readConfig(given, keywordFields, 'backbone_kwargs');
  const stages = Math.max(...keywords.out_indices);
  return {
    bottleneck: variant.bottleneck,
    layers: (keywords.layers ?? variant.layers).slice(0, stages),
    channels: keywords.channels,
    inChannels: keywords.in_chans ?? config.num_channels,
    outputStride: keywords.output_stride ?? (config.dilation ? 16 : 32),
  };
}

interface BlockShape {
  readonly inChannels: number;
  readonly channels: number;
  readonly stride: number;
  readonly dilation: number;
  /** The first block of a dilated stage still reaches as far as the stage before. */
  readonly firstDilation: number;
  readonly downsample: boolean;
}

const conv = (inChannels: number, outChannels: number, kernel: number, stride = 1, dilation = 1): Conv2d =>
  new Conv2d(inChannels, outChannels, {
    kernel,
    stride,
    dilation,
    padding: dilation * Math.floor(kernel / 2),
    bias: false,
    init: kaimingNormalFanOut,
  });

/** `conv1`, `bn1`, `conv2`, … and `downsample.0`, `downsample.1` where the shape changes. */
class Block extends Module {
  private readonly layers: readonly (readonly [Conv2d, FrozenBatchNorm2d])[];
  private readonly downsample: readonly [Conv2d, FrozenBatchNorm2d] | undefined;

  constructor(bottleneck: boolean, shape: BlockShape) {
    super();
    const { inChannels, channels, stride, dilation, firstDilation } = shape;
    const outChannels = bottleneck ? channels * 4 : channels;
    const convs = bottleneck
      ? [
          conv(inChannels, channels, 1),
          conv(channels, channels, 3, stride, firstDilation),
          conv(channels, outChannels, 1),
        ]
      : [conv(inChannels, channels, 3, stride, firstDilation), conv(channels, channels, 3, 1, dilation)];
    this.layers = convs.map((layer, i) => [
      this.child(`conv${i + 1}`, layer),
      this.child(`bn${i + 1}`, new FrozenBatchNorm2d(i === convs.length - 1 ? outChannels : channels)),
    ]);
    if (shape.downsample) {
      this.downsample = [
        this.child('downsample.0', conv(inChannels, outChannels, 1, stride)),
        this.child('downsample.1', new FrozenBatchNorm2d(outChannels)),
      ];
    }
  }

  forward(x: tf.Tensor): tf.Tensor {
    return tf.tidy(() => {
      const last = this.layers.length - 1;
      const y = this.layers.reduce((h, [convolution, norm], i) => {
        const normalised = norm.forward(convolution.forward(h));
        return i < last ? ops.relu(normalised) : normalised;
      }, x);
      const shortcut = this.downsample ? this.downsample[1].forward(this.downsample[0].forward(x)) : x;
      return ops.relu(tf.add(y, shortcut));
    });
  }
}

export class TimmResNet extends Module {
  readonly outChannels: number;
  private readonly conv1: Conv2d;
  private readonly bn1: FrozenBatchNorm2d;
  private readonly blocks: readonly Block[];

  constructor(spec: TimmSpec) {
    super();
    const stemChannels = 64;
    this.conv1 = this.child('conv1', conv(spec.inChannels, stemChannels, 7, 2));
    this.bn1 = this.child('bn1', new FrozenBatchNorm2d(stemChannels));
    const blocks: Block[] = [];
    const expansion = spec.bottleneck ? 4 : 1;
    let inChannels = stemChannels;
    let netStride = 4;
    let dilation = 1;
    let firstDilation = 1;
    spec.layers.forEach((depth, stage) => {
      let stride = stage === 0 ? 1 : 2;
      if (netStride >= spec.outputStride) {
        dilation *= stride;
        stride = 1;
      } else netStride *= stride;
      const channels = spec.channels[stage]!;
      const outChannels = channels * expansion;
      for (let i = 0; i < depth; i++) {
        const downsample = i === 0 && (stride !== 1 || inChannels !== outChannels);
        const shape = {
          inChannels,
          channels,
          stride: i === 0 ? stride : 1,
          dilation,
          firstDilation,
          downsample,
        };
        blocks.push(this.child(`layer${stage + 1}.${i}`, new Block(spec.bottleneck, shape)));
        inChannels = outChannels;
        firstDilation = dilation;
      }
    });
    this.blocks = blocks;
    this.outChannels = inChannels;
  }

  forward(pixels: tf.Tensor, _context: ForwardContext): tf.Tensor {
    return tf.tidy(() => {
      const stem = tf.tidy(() =>
        ops.maxPool2d(ops.relu(this.bn1.forward(this.conv1.forward(pixels))), {
          kernel: 3,
          stride: 2,
          padding: 1,
        }),
      );
      return this.blocks.reduce((h, block) => {
        const next = block.forward(h);
        h.dispose();
        return next;
      }, stem);
    });
  }
}
