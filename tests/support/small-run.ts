/**
 * A training run that takes a second: a small convolutional classifier (batch norm, dropout) on noisy generated
 * pictures. Everything in it is the kit's own but the pictures, the network and the simple task around it; what
 * depends on chance follows from (seed, epoch, index), as in a real data set.
 */
import { ClassMap, derive, permutation } from '../../src/core/index.ts';
import type { Batch, Dataset } from '../../src/data/index.ts';
import { ops, tf } from '../../src/engine/index.ts';
import { BatchNorm2d, Conv2d, dropout, type ForwardContext, Linear, Module } from '../../src/nn/index.ts';
import type { ClassificationPrediction, HostArrays, Loss, Task } from '../../src/tasks/index.ts';
import type { BatchSource, TrainableModel, TrainingSettings } from '../../src/training/index.ts';

const classes = new ClassMap(['dark', 'mixed', 'bright'].map((name, i) => ({ id: i + 1, name })));
const side = 8;

/** Convolution, batch norm, pooling, dropout, linear. */
class SmallNet extends Module {
  private readonly conv = this.child('conv', new Conv2d(3, 6, { kernel: 3, padding: 1, bias: false }));
  private readonly norm = this.child('norm', new BatchNorm2d(6));
  private readonly head = this.child('head', new Linear(6, classes.size));

  forward(inputs: { readonly pixel_values: tf.Tensor }, context: ForwardContext): Record<string, tf.Tensor> {
    const channelsLast = tf.transpose(inputs.pixel_values, [0, 2, 3, 1]);
    const features = ops.relu(this.norm.forward(this.conv.forward(channelsLast as tf.Tensor4D), context));
    const pooled = tf.mean(features, [1, 2]);
    return { logits: this.head.forward(dropout(pooled, 0.3, context)) };
  }
}

export function smallModel(seed = 1): TrainableModel & Module {
  const model = new SmallNet();
  for (const [name, parameter] of model.tensors()) {
    parameter.set(parameter.initializer(parameter.shape, derive(seed, 'init', name)));
  }
  return model;
}

/** Cross entropy on soft labels, accuracy. */
export const smallTask: Task<ClassificationPrediction> = {
  name: 'classification',
  metrics: ['accuracy'],
  matchesOnHost: false,
  targets(batch): HostArrays {
    const labels = new Float32Array(batch.shape[0] * classes.size);
    batch.samples.forEach(({ labels: [label] }, row) => {
      labels[row * classes.size + label!] = 1;
    });
    const weight = Float32Array.from(batch.samples, (_, row) => (row < batch.count ? 1 : 0));
    return {
      labels: { shape: [batch.shape[0], classes.size], data: labels },
      weight: { shape: [batch.shape[0]], data: weight },
    };
  },
  loss(outputs, { labels, weight }): Loss {
    const entropies = tf.neg(tf.sum(tf.mul(labels!, tf.logSoftmax(outputs.logits as tf.Tensor2D)), 1));
    const total = tf.div(tf.sum(tf.mul(entropies, weight!)), tf.sum(weight!));
    return { total, parts: { loss_ce: total } };
  },
  decode({ logits }) {
    const { shape, data } = logits!;
    return Array.from({ length: shape[0]! }, (_, row) => ({
      scores: data.slice(row * classes.size, (row + 1) * classes.size),
    }));
  },
  evaluator() {
    let right = 0;
    let seen = 0;
    return {
      update(record, { scores }) {
        seen++;
        if (scores.indexOf(Math.max(...scores)) === record.labels[0]) right++;
      },
      compute: () => ({ accuracy: right / seen }),
    };
  },
  draw: async (image) => image,
};

export function smallDataset(images: number): Dataset {
  return {
    name: 'brightness',
    source: 'generated',
    format: 'sample',
    setAside: [],
    unknownClasses: [],
    classes,
    digest: `brightness-${images}`,
    records: Array.from({ length: images }, (_, i) => ({
      id: i,
      fileName: `${i}.png`,
      height: side,
      width: side,
      annotations: [],
      labels: [i % classes.size],
    })),
    open: () => {
      throw new Error('these pictures have no files');
    },
  };
}

/** Shuffled and noisy while training; as they are for evaluation. The last batch is filled up with repeats. */
export function smallBatches(
  dataset: Dataset,
  options: {
    readonly batchSize: number;
    readonly seed?: number;
    readonly poison?: (index: number) => boolean;
  },
): BatchSource {
  const { batchSize, seed, poison } = options;
  const batchesPerEpoch = Math.ceil(dataset.records.length / batchSize);
  return {
    batchesPerEpoch,
    async *epoch(epoch, cursor = 0) {
      const count = dataset.records.length;
      const order =
        seed === undefined
          ? Uint32Array.from({ length: count }, (_, i) => i)
          : permutation(count, derive(seed, 'order', epoch));
      for (let number = cursor; number < batchesPerEpoch; number++) {
        const indices = [...order.subarray(number * batchSize, (number + 1) * batchSize)];
        yield smallBatch(
          dataset,
          number,
          indices,
          batchSize,
          (index) => derive(seed ?? 0, 'noise', seed === undefined ? 0 : epoch, index),
          poison,
        );
      }
    },
  };
}

function smallBatch(
  dataset: Dataset,
  position: number,
  indices: readonly number[],
  batchSize: number,
  noise: (index: number) => ReturnType<typeof derive>,
  poison: (index: number) => boolean = () => false,
): Batch {
  const rows = Array.from({ length: batchSize }, (_, row) => indices[row % indices.length]!);
  const length = 3 * side * side;
  const pixelValues = new Float32Array(batchSize * length);
  rows.forEach((index, row) => {
    const random = noise(index);
    const brightness = dataset.records[index]!.labels[0]! - 1;
    for (let i = 0; i < length; i++) {
      pixelValues[row * length + i] = poison(index) ? Number.NaN : brightness + random.normal();
    }
  });
  return {
    position,
    indices: rows,
    imageIds: rows.map((index) => dataset.records[index]!.id),
    pixelValues,
    pixelMask: new Uint8Array(batchSize * side * side).fill(1),
    shape: [batchSize, 3, side, side],
    count: indices.length,
    samples: rows.map((index) => ({
      index,
      imageId: index,
      size: { height: side, width: side },
      originalSize: { height: side, width: side },
      boxes: [],
      boxLabels: [],
      labels: dataset.records[index]!.labels,
    })),
  };
}

/** Settings of a short run; each test changes what it is about. */
export function smallSettings(changes: Partial<TrainingSettings> = {}): TrainingSettings {
  return {
    seed: 7,
    plan: { maxEpochs: 3, accumulate: 1 },
    optimizer: { name: 'adamw', options: {} },
    schedule: { learning_rate: 0.02, scheduler: 'cosine', warmup_steps: 2 },
    groups: { backboneLearningRateFactor: 1, weightDecay: 0.01, noDecayNormBias: true },
    freeze: [],
    clip: { kind: 'norm', limit: 1 },
    mix: { mixupAlpha: 0, cutmixAlpha: 0 },
    monitor: { metric: 'val_loss', mode: 'min' },
    saveTopK: 2,
    logEverySteps: 1,
    ...changes,
  };
}
