/**
 * `precision/vit`: what half precision does to training. A small ViT learns 500 steps with `training.precision` fp32
 * and fp16, from the same weights and the same batches: pictures of noise over one of four patterns, a fifth of the
 * labels wrong, so that the loss ends well above zero. Reported: the mean loss of the last 50 steps (over three runs from
 * other weights, because rounding alone sends a run another way), steps that overflowed, and the bytes of buffers that
 * a step takes.
 */
import { derive } from '../src/core/index.ts';
import type { Batch } from '../src/data/index.ts';
import { lookForGpu, openDevice } from '../src/engine/index.ts';
import { fromConfig } from '../src/models/index.ts';
import { createTask } from '../src/tasks/index.ts';
import { createAlgorithm, Optimizer, parameterGroups, TrainingStep } from '../src/training/index.ts';
import type { BenchCase, BenchOptions, BenchReport } from './case.ts';
import { classes } from './networks/ocelli.ts';

const [size, batchSize, last] = [32, 16, 50];
const seeds = [1, 2, 3];
const learningRate = 3e-4;
const wrongLabels = 0.2;
/** Of the loss in fp16 beside that in fp32. */
const goal = 0.01;

const config = {
  model_type: 'vit',
  hidden_size: 64,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  intermediate_size: 128,
  image_size: size,
  patch_size: 8,
  hidden_dropout_prob: 0.1,
};

/** Always the same batch for the same number. */
function batchOf(seed: number, number: number): Batch {
  const pixels = 3 * size * size;
  const patterns = classes.names.map((_, label) => {
    const random = derive(seed, 'pattern', label);
    return Float32Array.from({ length: pixels }, () => random.normal());
  });
  const random = derive(seed, 'batch', number);
  const whole = { height: size, width: size };
  const numbers = Array.from({ length: batchSize }, (_, i) => i);
  const truth = numbers.map(() => Math.floor(random.next() * patterns.length));
  const told = truth.map((label) =>
    random.next() < wrongLabels ? Math.floor(random.next() * patterns.length) : label,
  );
  const pixelValues = new Float32Array(batchSize * pixels);
  for (const [i, label] of truth.entries()) {
    for (let j = 0; j < pixels; j++)
      pixelValues[i * pixels + j] = 0.3 * patterns[label]![j]! + random.normal();
  }
  return {
    position: 0,
    indices: numbers,
    imageIds: numbers,
    pixelValues,
    pixelMask: new Uint8Array(batchSize * size * size).fill(1),
    shape: [batchSize, 3, size, size],
    count: batchSize,
    samples: numbers.map((index) => ({
      index,
      imageId: index,
      size: whole,
      originalSize: whole,
      boxes: [],
      boxLabels: [],
      labels: [told[index]!],
    })),
  };
}

interface Outcome {
  readonly loss: number;
  readonly skipped: number;
  readonly bytes: number;
}

/** Undefined: the device has no f16. */
async function train(precision: 'fp32' | 'fp16', steps: number, seed: number): Promise<Outcome | undefined> {
  const device = await openDevice('webgpu', { remember: false });
  try {
    if (!device.features.includes('shader-f16')) return undefined;
    const { model } = fromConfig(config, { task: 'classification', classes, seed });
    const task = createTask('classification', { classes, config });
    const groups = parameterGroups(model, {
      backboneLearningRateFactor: 1,
      weightDecay: 0.01,
      noDecayNormBias: true,
    });
    const optimizer = new Optimizer(createAlgorithm('adamw', {}), groups);
    const training = new TrainingStep(model, task, device, optimizer, {
      seed,
      clip: { kind: 'norm', limit: 1 },
      mix: { mixupAlpha: 0, cutmixAlpha: 0 },
      precision,
    });
    const losses: number[] = [];
    let skipped = 0;
    const take = async (late: number): Promise<void> => {
      for (const result of await training.results(late)) {
        if (result.skipped) skipped++;
        losses.push(result.loss);
      }
    };
    for (let number = 1; number <= steps; number++) {
      await training.add(batchOf(seed, number), number, 0);
      await training.finish(
        groups.map(() => learningRate),
        number,
      );
      await take(2);
    }
    await take(0);
    const [warning] = training.takeWarnings();
    if (warning) throw new Error(warning.message);
    const { bytes } = device.memory();
    const tail = losses.slice(-last);
    return { loss: tail.reduce((sum, loss) => sum + loss, 0) / tail.length, skipped, bytes };
  } finally {
    await device.dispose();
  }
}

async function run(report: BenchReport, { steps = 500 }: BenchOptions): Promise<void> {
  if (!(await lookForGpu()).adapter) {
    report.note('there is no WebGPU adapter: no rows');
    return;
  }
  const runs: { readonly full: Outcome; readonly half: Outcome }[] = [];
  for (const seed of seeds) {
    const full = await train('fp32', steps, seed);
    const half = await train('fp16', steps, seed);
    if (!full || !half) {
      report.note('the adapter has no shader-f16: no rows');
      return;
    }
    report.note(`seed ${seed}: ${half.loss.toPrecision(4)} in fp16, ${full.loss.toPrecision(4)} in fp32`);
    runs.push({ full, half });
  }
  const mean = (numbers: readonly number[]): number =>
    numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  const [full, half] = (['full', 'half'] as const).map((which) => ({
    loss: mean(runs.map((run) => run[which].loss)),
    skipped: runs.reduce((sum, run) => sum + run[which].skipped, 0),
    bytes: Math.max(...runs.map((run) => run[which].bytes)),
  })) as [Outcome, Outcome];
  const apart = Math.abs(half.loss - full.loss) / full.loss;
  const verdict = `goal within ${100 * goal} % of fp32: ${apart <= goal ? 'met' : 'not met'} (${(100 * apart).toPrecision(2)} %)`;
  report.ours('last_losses', half.loss, 'count', [verdict]);
  report.peer('fp32', 'last_losses', full.loss, 'count');
  report.ours('skipped_steps', half.skipped, 'count');
  report.ours('gpu_mb', half.bytes / 1e6, 'MB');
  report.peer('fp32', 'gpu_mb', full.bytes / 1e6, 'MB');
}

export const precision: BenchCase = { name: 'precision/vit', run };
