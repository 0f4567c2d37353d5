/**
 * What an evaluation does with one batch: forward pass, targets, losses. Compiled where the device compiles, else
 * (and where something can't be compiled, which is told) kernel by kernel. A batch that does not fit into memory is
 * computed in equal parts: predictions stay what they are, and its losses are those of the parts, weighed by images.
 */
import { DeviceError } from '../core/index.ts';
import type { Batch } from '../data/index.ts';
import {
  CompiledFunction,
  type HostTensors,
  type NamedTensors,
  NotCompiled,
  type PrepareProgram,
  type Trace,
  tf,
} from '../engine/index.ts';
import {
  type HostArrays,
  type HostOutputs,
  type Loss,
  requireFiniteOutputs,
  type Task,
} from '../tasks/index.ts';
import { nextSplit, partsOf, splitBatch } from './split.ts';
import { hasFailed } from './step-engine.ts';
import { readOutputs, uploadImages, uploadTargets } from './transfer.ts';
import type { BatchEvaluation, EvaluatedBatch, StepDevice, TrainableModel } from './types.ts';

export interface EvaluationStepOptions {
  /** Whether losses are computed, too (true). */
  readonly losses?: boolean | undefined;
  /** So many images at once at most (all of a batch). */
  readonly mostImages?: number | undefined;
}

/** Between the names of outputs: no model has one of this name. */
const report = 'evaluation.losses';

export class EvaluationStep implements BatchEvaluation {
  private compiled: CompiledFunction | undefined;
  private lossNames: string[] = [];
  private warnings: { readonly code: string; readonly message: string }[] = [];
  private readonly wantsLosses: boolean;
  private mostImages: number;

  constructor(
    private readonly model: TrainableModel,
    private readonly task: Task<unknown>,
    private readonly device: StepDevice,
    { losses = true, mostImages = Number.POSITIVE_INFINITY }: EvaluationStepOptions = {},
  ) {
    this.wantsLosses = losses;
    this.mostImages = mostImages;
    this.compiled = device.prepare && this.compiledFunction(device.prepare);
  }

  async run(batch: Batch): Promise<EvaluatedBatch> {
    const parts = partsOf(batch.shape[0], this.mostImages);
    try {
      if (parts === 1) return await this.runPart(batch);
      const evaluated: EvaluatedBatch[] = [];
      const split = splitBatch(batch, parts);
      for (const part of split) evaluated.push(await this.runPart(part));
      return joined(evaluated, split, batch.shape[0]);
    } catch (error) {
      if (!this.goOnInSmallerParts(error, batch, parts)) throw error;
      return this.run(batch);
    }
  }

  /** How many images of a batch of so many rows are computed at once, as things are. */
  imagesAtOnce(rows: number): number {
    return rows / partsOf(rows, this.mostImages);
  }

  /** What the device would compute of a batch, whose numbers nobody looks at. */
  async trace(batch: Batch): Promise<Trace> {
    const { task } = this;
    return this.compiled!.trace(this.inputsOf(batch), (given) => asInputs(task.targets(batch, given)));
  }

  /** Compiled passes are refused for want of memory before anything of them ran. */
  private goOnInSmallerParts(error: unknown, { shape: [rows] }: Batch, parts: number): boolean {
    const full = error instanceof DeviceError && error.code === 'out_of_memory' && this.compiled;
    const more = nextSplit(rows, parts);
    if (!full || more === undefined || hasFailed(this.device)) return false;
    // Passes of the larger parts will not come again.
    this.compiled!.dispose();
    this.mostImages = rows / more;
    this.warnings.push(evaluationSplitWarning(rows, more));
    return true;
  }

  private async runPart(batch: Batch): Promise<EvaluatedBatch> {
    if (!this.compiled) return this.runEagerly(batch);
    try {
      return await this.runCompiled(this.compiled, batch);
    } catch (error) {
      if (!(error instanceof NotCompiled)) throw error;
      this.dispose();
      this.compiled = undefined;
      const message = `the evaluation is not compiled and runs kernel by kernel, which is slower: ${error.message}`;
      this.warnings.push({ code: 'evaluation_not_compiled', message });
      return this.runEagerly(batch);
    }
  }

  /** What there is to tell since the last call. */
  takeWarnings(): { readonly code: string; readonly message: string }[] {
    const taken = this.warnings;
    this.warnings = [];
    return taken;
  }

  dispose(): void {
    this.compiled?.dispose();
  }

  private compiledFunction(prepare: PrepareProgram): CompiledFunction {
    const { model, task, wantsLosses } = this;
    const variables = new Map([...model.tensors()].map(([name, { value }]) => [name, value]));
    const evaluated = (inputs: NamedTensors, ask: (outputs: NamedTensors) => NamedTensors): NamedTensors => {
      const { pixel_values, pixel_mask } = inputs;
      const images = { pixel_values: pixel_values!, ...(pixel_mask ? { pixel_mask } : {}) };
      const outputs = model.forward(images, { training: false });
      if (!wantsLosses) return { ...outputs };
      const fed = task.matchesOnHost ? ask({ ...outputs }) : inputs;
      const named = Object.entries(fed).filter(([name]) => name.startsWith('target.'));
      const targets = named.map(([name, tensor]) => [name.slice('target.'.length), tensor] as const);
      return { ...outputs, [report]: this.stacked(task.loss(outputs, Object.fromEntries(targets))) };
    };
    return new CompiledFunction(prepare, evaluated, variables);
  }

  private inputsOf(batch: Batch): HostTensors {
    const { task, model, wantsLosses } = this;
    const [count, , height, width] = batch.shape;
    return {
      pixel_values: { shape: batch.shape, data: batch.pixelValues },
      ...(model.takesPixelMask
        ? { pixel_mask: { shape: [count, height, width], data: Float32Array.from(batch.pixelMask) } }
        : {}),
      ...(wantsLosses && !task.matchesOnHost ? asInputs(task.targets(batch)) : {}),
    };
  }

  private async runCompiled(compiled: CompiledFunction, batch: Batch): Promise<EvaluatedBatch> {
    const { task, wantsLosses } = this;
    const matches = wantsLosses && task.matchesOnHost;
    const inputs = this.inputsOf(batch);
    // With matching the outputs come to the host in the middle already.
    let outputs: HostOutputs = {};
    const found = await compiled.call(
      inputs,
      (given) => {
        outputs = given;
        requireFiniteOutputs(given, batch.count);
        return asInputs(task.targets(batch, given));
      },
      (names) => (matches ? [report] : names),
    );
    const { [report]: losses, ...rest } = found;
    requireFiniteOutputs(rest, batch.count);
    return { outputs: matches ? outputs : rest, losses: this.named(losses?.data ?? []) };
  }

  private async runEagerly(batch: Batch): Promise<EvaluatedBatch> {
    const { model, task, device } = this;
    const tensors = tf.tidy(() => ({ ...model.forward(uploadImages(batch, model), { training: false }) }));
    try {
      const outputs = await readOutputs(tensors, device);
      requireFiniteOutputs(outputs, batch.count);
      if (!this.wantsLosses) return { outputs, losses: {} };
      const targets = task.matchesOnHost ? task.targets(batch, outputs) : task.targets(batch);
      const losses = tf.tidy(() => this.stacked(task.loss(tensors, uploadTargets(targets))));
      const values = await device.read(losses);
      losses.dispose();
      return { outputs, losses: this.named(values) };
    } finally {
      tf.dispose(tensors);
    }
  }

  /** The losses as one vector; their names are kept. */
  private stacked({ total, parts }: Loss): tf.Tensor {
    const all = Object.entries({ loss: total, ...parts });
    this.lossNames = all.map(([name]) => name);
    return tf.stack(all.map(([, scalar]) => tf.reshape(scalar, [])));
  }

  private named(values: ArrayLike<number>): Record<string, number> {
    if (values.length === 0) return {};
    return Object.fromEntries(this.lossNames.map((name, i) => [name, values[i]!]));
  }
}

/** Tells that batches of an evaluation don't fit into memory and what is done about it. */
export function evaluationSplitWarning(
  rows: number,
  parts: number,
): { readonly code: string; readonly message: string } {
  const message = `an evaluation of ${rows} images at once does not fit into the memory of the device: it is computed in ${parts} parts of ${rows / parts} (predictions stay the same)`;
  return { code: 'evaluation_split', message };
}

/** Parts of a batch as a whole of `rows` rows; those of parts that were left out are zeros. */
function joined(parts: readonly EvaluatedBatch[], batches: readonly Batch[], rows: number): EvaluatedBatch {
  const [first] = parts as [EvaluatedBatch];
  const [length] = batches[0]!.shape;
  const outputs: Record<string, HostOutputs[string]> = {};
  for (const [name, { shape, data }] of Object.entries(first.outputs)) {
    // What has no rows of images is the same for all.
    if (shape[0] !== length) {
      outputs[name] = { shape, data };
      continue;
    }
    const all = new Float32Array((data.length / length) * rows);
    for (const [i, part] of parts.entries()) all.set(part.outputs[name]!.data, i * data.length);
    outputs[name] = { shape: [rows, ...shape.slice(1)], data: all };
  }
  const images = batches.reduce((sum, { count }) => sum + count, 0);
  const meanOf = (name: string): number =>
    parts.reduce((sum, { losses }, i) => sum + losses[name]! * batches[i]!.count, 0) / images;
  const losses = Object.fromEntries(Object.keys(first.losses).map((name) => [name, meanOf(name)]));
  return { outputs, losses };
}

const asInputs = (targets: HostArrays): HostTensors =>
  Object.fromEntries(Object.entries(targets).map(([name, array]) => [`target.${name}`, array]));
