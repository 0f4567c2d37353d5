/**
 * One optimiser step: forward, (match on the host,) loss, gradients, clip, update.
 *
 * On WebGPU it is compiled: traced once per signature and then only executed. Elsewhere, with `OCELLI_EAGER=1`, and
 * where something in it can't be compiled (which is told once, `takeWarnings`), it runs kernel by kernel. Shapes are
 * static, and all that changes from step to step comes in as a tensor; the host decides in one place only, between
 * forward and loss, where a detection task matches queries with objects.
 *
 * The loss is not awaited. It goes into a ring together with the gradient norm and is looked at a few steps
 * late, when the device has long computed it; `results` says what has arrived.
 */
import { DeviceError, type Metrics } from '../core/index.ts';
import type { Batch } from '../data/index.ts';
import { NotCompiled, withOptions } from '../engine/index.ts';
import type { Task } from '../tasks/index.ts';
import { CompiledStep } from './compiled/index.ts';
import { EagerStep } from './eager-step.ts';
import type { WeightAverage } from './ema.ts';
import { LossScale } from './loss-scale.ts';
import type { Optimizer } from './optimizers/index.ts';
import { nextSplit, splitBatch } from './split.ts';
import {
  hasFailed,
  type StepCompilation,
  type StepEngine,
  type StepReport,
  type StepSettings,
} from './step-engine.ts';
import type { StepDevice, TrainableModel } from './types.ts';

export type { StepSettings } from './step-engine.ts';

/** What one step gave, read back. */
export interface StepResult {
  /** From 1. */
  readonly step: number;
  readonly loss: number;
  readonly parts: Metrics;
  /** Before clipping. */
  readonly gradientNorm: number;
  readonly images: number;
  /** Half precision overflowed: the weights were left as they were, and the next steps scale the loss less. */
  readonly skipped: boolean;
}

export interface StepWarning {
  readonly code: string;
  readonly message: string;
}

export class TrainingStep<Prediction> {
  private engine: StepEngine;
  private readonly eager: EagerStep;
  /** The batches of the step that is under way. */
  private batches: { readonly batch: Batch; readonly step: number; readonly part: number }[] = [];
  /** `scale`: of the loss. */
  private readonly ring: ({ readonly step: number; readonly scale: number | undefined } & StepReport)[] = [];
  private warnings: StepWarning[] = [];
  private readonly compilations: StepCompilation[] = [];
  private readonly optimizer: Optimizer;
  /** In half precision; its state belongs into checkpoints. */
  readonly lossScale: LossScale | undefined;
  /** In how many parts each batch is computed. */
  private splits: number;
  private readonly compile: () => CompiledStep | undefined;

  /** `average` follows the weights after every step. */
  constructor(
    model: TrainableModel,
    task: Task<Prediction>,
    private readonly device: StepDevice,
    optimizer: Optimizer,
    settings: StepSettings,
    average?: WeightAverage,
  ) {
    const trainable = optimizer.groups.flatMap((group) => group.parameters);
    const anyTask = task as Task<unknown>;
    this.eager = new EagerStep(model, anyTask, device, optimizer, trainable, settings, average);
    const { clip } = settings;
    this.optimizer = optimizer;
    this.lossScale = settings.precision === 'fp16' && device.prepare ? new LossScale() : undefined;
    const parts = { model, task: anyTask, optimizer, trainable, clip, average, lossScale: this.lossScale };
    this.splits = settings.splits ?? 1;
    const prepare = withOptions(device.prepare, {
      recompute: settings.checkpointActivations,
      precision: settings.precision,
    });
    this.compile = () => {
      const accumulate = (settings.plan?.accumulate ?? 1) * this.splits;
      const told = (compilation: StepCompilation) => void this.compilations.push(compilation);
      return prepare && new CompiledStep(parts, prepare, { ...settings, plan: { accumulate } }, told);
    };
    this.engine = this.compile() ?? this.eager;
  }

  /** In how many parts each batch is computed: 1, or more where memory did not suffice for all of it. */
  get batchParts(): number {
    return this.splits;
  }

  get isCompiled(): boolean {
    return this.engine !== this.eager;
  }

  /** One batch of step `step` (from 1), as its part `part` (from 0). */
  async add(batch: Batch, step: number, part: number): Promise<void> {
    if (part === 0) this.batches = [];
    this.batches.push({ batch, step, part });
    try {
      await this.addSplit(batch, step, part);
    } catch (error) {
      if (error instanceof NotCompiled) this.goOnEagerly(error);
      else if (!this.goOnInSmallerParts(error, batch)) throw error;
      for (const added of this.batches.splice(0)) await this.add(added.batch, added.step, added.part);
    }
  }

  /** Clips what the parts gave and moves the weights. One learning rate per parameter group. */
  async finish(learningRates: readonly number[], step: number): Promise<void> {
    this.batches = [];
    const report = await this.engine.finish(learningRates, step);
    // A failure is met when the result is asked for, or just below; nobody asks for it after that.
    report.values.catch(() => undefined);
    this.device.check();
    this.ring.push({ step, scale: this.lossScale?.value, ...report });
  }

  /** Awaits results, the oldest first, until no more than `late` are outstanding. */
  async results(late: number): Promise<StepResult[]> {
    const arrived: StepResult[] = [];
    while (this.ring.length > late) {
      const { step, scale, images, names, present, values } = this.ring.shift()!;
      const numbers = await values;
      const parts = Object.fromEntries(names.slice(1).map((name, i) => [name, numbers[i + 1]!]));
      const gradientNorm = numbers[names.length]!;
      const skipped = this.wasSkipped(gradientNorm, present, scale);
      arrived.push({ step, images, loss: numbers[0]!, parts, gradientNorm, skipped });
    }
    return arrived;
  }

  /** What was compiled since the last call. */
  takeCompilations(): StepCompilation[] {
    return this.compilations.splice(0);
  }

  /** What there is to tell since the last call. */
  takeWarnings(): StepWarning[] {
    const taken = this.warnings;
    this.warnings = [];
    return taken;
  }

  dispose(): void {
    this.engine.dispose();
    this.eager.dispose();
    this.batches = [];
    this.ring.length = 0;
  }

  private async addSplit(batch: Batch, step: number, part: number): Promise<void> {
    for (const [i, split] of splitBatch(batch, this.splits).entries()) {
      await this.engine.add(split, step, part * this.splits + i);
    }
  }

  /** A compiled step is refused for want of memory before anything of it ran: it is tried with more, smaller parts. */
  private goOnInSmallerParts(error: unknown, { shape: [rows] }: Batch): boolean {
    const splits = nextSplit(rows, this.splits);
    const full = error instanceof DeviceError && error.code === 'out_of_memory' && this.isCompiled;
    if (!full || splits === undefined || this.batches.length > 1 || hasFailed(this.device)) return false;
    this.engine.dispose();
    this.splits = splits;
    this.engine = this.compile()!;
    this.warnings.push(splitWarning(rows, splits));
    return true;
  }

  /** Tells the loss scale; a step that moved nothing does not count for the optimiser. */
  private wasSkipped(gradientNorm: number, present: readonly string[], scale?: number): boolean {
    if (!this.lossScale || scale === undefined || !this.isCompiled) return false;
    const overflowed = !Number.isFinite(gradientNorm);
    const mayGoOn = this.lossScale.observe(overflowed, scale);
    if (overflowed) this.optimizer.uncount(present);
    return overflowed && mayGoOn;
  }

  private goOnEagerly(error: NotCompiled): void {
    this.engine.dispose();
    this.engine = this.eager;
    const message = `the step is not compiled and runs kernel by kernel, which is slower: ${error.message}`;
    this.warnings.push({ code: 'step_not_compiled', message });
  }
}

/** Tells that batches don't fit into memory and what is done about it. */
export function splitWarning(rows: number, splits: number): StepWarning {
  const message = `a batch of ${rows} images does not fit into the memory of the device: it is computed in ${splits} parts of ${rows / splits}, and their gradients are accumulated (the effective batch stays; batch norms see a part)`;
  return { code: 'batch_split', message };
}
