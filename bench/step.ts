/**
 * `step/vit`, `step/resnet50`, `step/detr`: one training step (forward, loss, gradients, AdamW) of Ocelli beside
 * the same network written with TensorFlow.js alone and trained by `tf.train.adam`, on the same adapter, in the
 * same process, in turn. Medians of the rounds after the first; `compile_ms` is that first round, in which both
 * sides compile their own pipelines (the driver may keep compiled shaders from earlier runs).
 *
 *   step_ms     from the batch on the host to the loss on the host
 *   enqueue_ms  the part of it in which JavaScript works rather than waits for the device
 *   dispatches, submits   on WebGPU, counted at the API
 *   gpu_mb      bytes allocated on the device (WebGPU), or of all tensors (wasm)
 *
 * WebGPU where there is an adapter, else wasm. On a software adapter the times compare only with each other.
 * On wasm the peer runs with the kernels that Ocelli puts into TensorFlow.js' backend, without which it could
 * not train convolutions at all.
 */
import * as tf from '@tensorflow/tfjs-core';
import { ClassMap, derive, type TaskName } from '../src/core/index.ts';
import type { Batch } from '../src/data/index.ts';
import { type Device, lookForGpu, openDevice } from '../src/engine/index.ts';
import { fromConfig, type HfConfig } from '../src/models/index.ts';
import { createTask } from '../src/tasks/index.ts';
import { createAlgorithm, Optimizer, parameterGroups, TrainingStep } from '../src/training/index.ts';
import { type BenchCase, type BenchReport, interleaved, median } from './case.ts';
import { type PlainModel, plainDetr, plainResnet50, plainVit } from './plain/models.ts';

interface StepCase {
  readonly task: TaskName;
  readonly config: HfConfig;
  readonly size: number;
  readonly batch: number;
  readonly rounds: number;
  plain(): PlainModel;
}

interface Measured {
  readonly step_ms: number;
  readonly enqueue_ms: number;
  readonly dispatches: number;
  readonly submits: number;
}

const learningRate = 1e-4;
const classes = new ClassMap(['a', 'b', 'c', 'd'].map((name, i) => ({ id: i + 1, name })));

const cases: Readonly<Record<string, StepCase>> = {
  'step/vit': {
    task: 'classification',
    config: {
      model_type: 'vit',
      hidden_size: 128,
      num_hidden_layers: 4,
      num_attention_heads: 4,
      intermediate_size: 512,
      image_size: 64,
      patch_size: 8,
    },
    size: 64,
    batch: 8,
    rounds: 8,
    plain: () => plainVit({ image: 64, patch: 8, width: 128, hidden: 512, heads: 4, depth: 4, classes: 4 }),
  },
  'step/resnet50': {
    task: 'classification',
    config: { model_type: 'resnet' },
    size: 64,
    batch: 2,
    rounds: 4,
    plain: () => plainResnet50(4),
  },
  'step/detr': {
    task: 'detection',
    config: {
      model_type: 'detr',
      use_timm_backbone: false,
      use_pretrained_backbone: false,
      backbone: null,
      backbone_config: { model_type: 'resnet', out_features: ['stage4'] },
    },
    size: 128,
    batch: 1,
    rounds: 4,
    plain: () => plainDetr({ width: 256, hidden: 2048, heads: 8, layers: 6, queries: 100, classes: 5 }),
  },
};

/** Counts what goes to the GPU between `begin` and `end`. Does nothing where there is none. */
class GpuCounter {
  private dispatched = 0;
  private submitted = 0;
  private readonly restore: (() => void)[] = [];

  constructor() {
    if (typeof GPUComputePassEncoder === 'undefined') return;
    const pass = GPUComputePassEncoder.prototype;
    const queue = GPUQueue.prototype;
    const { dispatchWorkgroups } = pass;
    const { submit } = queue;
    const counter = this;
    pass.dispatchWorkgroups = function (this: GPUComputePassEncoder, ...args) {
      counter.dispatched++;
      return dispatchWorkgroups.apply(this, args);
    };
    queue.submit = function (this: GPUQueue, ...args) {
      counter.submitted++;
      return submit.apply(this, args);
    };
    this.restore.push(() => {
      pass.dispatchWorkgroups = dispatchWorkgroups;
      queue.submit = submit;
    });
  }

  async measure(step: () => Promise<{ waitedMs: number }>): Promise<Measured> {
    const [dispatched, submitted] = [this.dispatched, this.submitted];
    const start = performance.now();
    const { waitedMs } = await step();
    const stepMs = performance.now() - start;
    return {
      step_ms: stepMs,
      enqueue_ms: stepMs - waitedMs,
      dispatches: this.dispatched - dispatched,
      submits: this.submitted - submitted,
    };
  }

  dispose(): void {
    for (const undo of this.restore) undo();
  }
}

type Step = () => Promise<{ waitedMs: number }>;

/** Our step, as `ocelli train` runs it. */
function ourStep(stepCase: StepCase, device: Device): { step: Step; dispose(): void } {
  const { model, config } = fromConfig(stepCase.config, { task: stepCase.task, classes, seed: 1 });
  const task = createTask(stepCase.task as 'classification', { classes, config });
  const groups = parameterGroups(model, {
    backboneLearningRateFactor: 1,
    weightDecay: 0,
    noDecayNormBias: false,
  });
  // Time in which at least one read is awaited: several may be under way at once.
  let waitedMs = 0;
  let reads = 0;
  let waitingSince = 0;
  const watched = {
    check: device.check,
    memory: device.memory,
    async read(tensor: tf.Tensor) {
      if (reads++ === 0) waitingSince = performance.now();
      try {
        return await device.read(tensor);
      } finally {
        if (--reads === 0) waitedMs += performance.now() - waitingSince;
      }
    },
  };
  const optimizer = new Optimizer(createAlgorithm('adamw', {}), groups);
  const training = new TrainingStep(model, task, watched, optimizer, {
    seed: 1,
    mix: { mixupAlpha: 0, cutmixAlpha: 0 },
  });
  const batch = syntheticBatch(stepCase);
  let number = 0;
  return {
    async step() {
      waitedMs = 0;
      number++;
      await training.add(batch, number, 0);
      training.finish(
        groups.map(() => learningRate),
        number,
      );
      await training.results(0);
      return { waitedMs };
    },
    dispose() {
      training.dispose();
      model.dispose();
    },
  };
}

function syntheticBatch({ size, batch }: StepCase): Batch {
  const random = derive(1, 'bench');
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

/** The peer's step. */
function plainStep(stepCase: StepCase): { step: Step; dispose(): void } {
  const model = stepCase.plain();
  const optimizer = tf.train.adam(learningRate);
  const { size, batch } = stepCase;
  const random = derive(1, 'bench');
  const pixels = Float32Array.from({ length: batch * 3 * size * size }, () => random.normal());
  return {
    async step() {
      const images = tf.tensor4d(pixels.slice(), [batch, size, size, 3]);
      const loss = optimizer.minimize(() => model.loss(images), true, [...model.variables])!;
      const start = performance.now();
      await loss.data();
      const waitedMs = performance.now() - start;
      tf.dispose([images, loss]);
      return { waitedMs };
    },
    dispose() {
      optimizer.dispose();
      tf.dispose([...model.variables]);
    },
  };
}

async function run(stepCase: StepCase, report: BenchReport): Promise<void> {
  const { adapter } = await lookForGpu();
  const device = await openDevice(adapter ? 'webgpu' : 'wasm');
  report.note(device.description);
  const counter = new GpuCounter();
  try {
    const before = device.memory().bytes;
    const ours = ourStep(stepCase, device);
    const ourFirst = await counter.measure(ours.step);
    const oursAlone = device.memory().bytes - before;
    const plain = plainStep(stepCase);
    const plainFirst = await counter.measure(plain.step);
    const plainAlone = device.memory().bytes - before - oursAlone;
    const results = await interleaved(stepCase.rounds, {
      ours: () => counter.measure(ours.step),
      plain: () => counter.measure(plain.step),
    });
    const middle = (rows: readonly Measured[], key: keyof Measured): number =>
      median(rows.map((row) => row[key]));
    const compare = (metric: string, unit: 'ms' | 'count' | 'MB', mine: number, theirs: number): void => {
      report.ours(metric, mine, unit);
      report.peer('TensorFlow.js, eager', metric, theirs, unit);
    };
    for (const key of ['step_ms', 'enqueue_ms'] as const)
      compare(key, 'ms', middle(results.ours, key), middle(results.plain, key));
    if (adapter)
      for (const key of ['dispatches', 'submits'] as const)
        compare(key, 'count', middle(results.ours, key), middle(results.plain, key));
    compare('gpu_mb', 'MB', oursAlone / 2 ** 20, plainAlone / 2 ** 20);
    compare('compile_ms', 'ms', ourFirst.step_ms, plainFirst.step_ms);
    ours.dispose();
    plain.dispose();
  } finally {
    counter.dispose();
    await device.dispose();
  }
}

function caseOf(name: string): BenchCase {
  return { name, run: (report) => run(cases[name]!, report) };
}

export const stepVit = caseOf('step/vit');
export const stepResnet50 = caseOf('step/resnet50');
export const stepDetr = caseOf('step/detr');
