/**
 * The five networks of the `step` cases as Ocelli trains them: three of its families from a config, and two small
 * ones made of its layers. Their weights (fresh, from one seed) are what every peer starts from.
 *
 *   small     48 numbers → 12 × (linear of width 64, GELU) → 4 classes: hardly any arithmetic, so what a step
 *             costs is dispatches and JavaScript
 *   vit       64 px, patch 8, width 128, depth 4, 4 heads
 *   cnn       64 px, 6 × (3×3 convolution, batch norm, ReLU), mean over the picture, linear
 *   resnet50  64 px
 *   detr      a ResNet-50 and the transformer of DETR, 128 px, everything trained but the frozen norms, no dropout
 */
import { ClassMap, derive, type TaskName } from '../../src/core/index.ts';
import type { Batch } from '../../src/data/index.ts';
import { ops, tf } from '../../src/engine/index.ts';
import { fromConfig, type HfConfig } from '../../src/models/index.ts';
import {
  BatchNorm2d,
  Conv2d,
  type ForwardContext,
  initialize,
  kaimingNormalFanOut,
  Linear,
  Module,
  toChannelsLast,
} from '../../src/nn/index.ts';
import type { ModelOutputs } from '../../src/tasks/index.ts';
import type { TrainableModel } from '../../src/training/index.ts';

export const networkNames = ['small', 'vit', 'cnn', 'resnet50', 'detr'] as const;
export type NetworkName = (typeof networkNames)[number];

export interface OcelliNetwork {
  readonly name: NetworkName;
  readonly task: TaskName;
  /** Of the square pictures, in pixels. */
  readonly size: number;
  readonly batch: number;
  /** Steps of each contender after its first. */
  readonly rounds: number;
  readonly config: HfConfig;
  /**
   * The loss after one update is no test where rounding decides it (false): batch norms over a handful of values, whose
   * gradients Adam's first step takes for their signs alone.
   */
  readonly comparesSecond?: boolean;
  build(): TrainableModel;
}

export const classes = new ClassMap(['a', 'b', 'c', 'd'].map((name, i) => ({ id: i + 1, name })));
const seed = 1;

export const smallShape = { inputs: 48, width: 64, layers: 12 } as const;

type Images = { readonly pixel_values: tf.Tensor };

class SmallNetwork extends Module {
  private readonly embed = this.child('embed', new Linear(smallShape.inputs, smallShape.width));
  private readonly layers = this.list(
    'layers',
    Array.from({ length: smallShape.layers }, () => new Linear(smallShape.width, smallShape.width)),
  );
  private readonly classifier = this.child('classifier', new Linear(smallShape.width, classes.size));

  forward({ pixel_values: pixels }: Images): ModelOutputs {
    const numbers = tf.reshape(toChannelsLast(pixels), [pixels.shape[0]!, smallShape.inputs]);
    let x = this.embed.forward(numbers);
    for (const layer of this.layers) x = ops.gelu(layer.forward(x));
    return { logits: this.classifier.forward(x) };
  }
}

/** Channels and stride of each block. */
export const cnnBlocks: readonly (readonly [channels: number, stride: number])[] = [
  [32, 2],
  [32, 1],
  [64, 2],
  [64, 1],
  [128, 2],
  [128, 1],
];

class ConvolutionBlock extends Module {
  private readonly convolution: Conv2d;
  private readonly normalization: BatchNorm2d;

  constructor(input: number, output: number, stride: number) {
    super();
    const options = { kernel: 3, stride, padding: 1, bias: false, init: kaimingNormalFanOut };
    this.convolution = this.child('convolution', new Conv2d(input, output, options));
    this.normalization = this.child('normalization', new BatchNorm2d(output));
  }

  forward(x: tf.Tensor, context: ForwardContext): tf.Tensor {
    return ops.relu(this.normalization.forward(this.convolution.forward(x), context));
  }
}

class ConvolutionNetwork extends Module {
  private readonly blocks = this.list(
    'blocks',
    cnnBlocks.map(
      ([output, stride], i) => new ConvolutionBlock(i === 0 ? 3 : cnnBlocks[i - 1]![0], output, stride),
    ),
  );
  private readonly classifier = this.child('classifier', new Linear(cnnBlocks.at(-1)![0], classes.size));

  forward({ pixel_values: pixels }: Images, context: ForwardContext): ModelOutputs {
    let x = toChannelsLast(pixels);
    for (const block of this.blocks) x = block.forward(x, context);
    return { logits: this.classifier.forward(tf.mean(x, [1, 2])) };
  }
}

function initialized(model: TrainableModel): TrainableModel {
  initialize(model, seed);
  return model;
}

function family(task: TaskName, config: HfConfig): Pick<OcelliNetwork, 'task' | 'config' | 'build'> {
  return { task, config, build: () => fromConfig(config, { task, classes, seed }).model };
}

const classification = 'classification' as const;

export const networks: Readonly<Record<NetworkName, OcelliNetwork>> = {
  small: {
    name: 'small',
    task: classification,
    config: { model_type: 'small' },
    size: 4,
    batch: 32,
    rounds: 12,
    build: () => initialized(new SmallNetwork()),
  },
  vit: {
    name: 'vit',
    size: 64,
    batch: 8,
    rounds: 8,
    ...family(classification, {
      model_type: 'vit',
      hidden_size: 128,
      num_hidden_layers: 4,
      num_attention_heads: 4,
      intermediate_size: 512,
      image_size: 64,
      patch_size: 8,
      layer_norm_eps: 1e-5,
    }),
  },
  cnn: {
    name: 'cnn',
    task: classification,
    config: { model_type: 'cnn' },
    size: 64,
    batch: 8,
    rounds: 6,
    build: () => initialized(new ConvolutionNetwork()),
  },
  resnet50: {
    name: 'resnet50',
    size: 64,
    batch: 2,
    rounds: 4,
    comparesSecond: false,
    ...family(classification, { model_type: 'resnet' }),
  },
  detr: {
    name: 'detr',
    size: 128,
    batch: 1,
    rounds: 4,
    // The peers are given the matching of the first step.
    comparesSecond: false,
    ...family('detection', {
      model_type: 'detr',
      use_timm_backbone: false,
      use_pretrained_backbone: false,
      backbone: null,
      backbone_config: { model_type: 'resnet', out_features: ['stage4'] },
      dropout: 0,
    }),
  },
};

/** A batch of noise with labels 0, 1, 2, 3, 0, … and two boxes in every picture. */
export function syntheticBatch({ size, batch }: Pick<OcelliNetwork, 'size' | 'batch'>): Batch {
  const random = derive(seed, 'bench');
  const numbers = Array.from({ length: batch }, (_, i) => i);
  const whole = { height: size, width: size };
  return {
    position: 0,
    indices: numbers,
    imageIds: numbers,
    pixelValues: Float32Array.from({ length: batch * 3 * size * size }, () => random.normal()),
    pixelMask: new Uint8Array(batch * size * size).fill(1),
    shape: [batch, 3, size, size],
    count: batch,
    samples: numbers.map((index) => ({
      index,
      imageId: index,
      size: whole,
      originalSize: whole,
      boxes: [
        [10, 10, 60, 60],
        [5, 30, 40, 50],
      ],
      boxLabels: [0, 2],
      labels: [index % classes.size],
    })),
  };
}
