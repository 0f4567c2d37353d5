/**
 * What an evaluation does with one batch: forward pass, targets, losses. Compiled where the device compiles, else
 * (and where something can't be compiled, which is told) kernel by kernel.
 */
import type { Batch } from '../data/index.ts';
import {
  CompiledFunction,
  type HostTensors,
  type NamedTensors,
  NotCompiled,
  type PrepareProgram,
  tf,
} from '../engine/index.ts';
import {
  type HostArrays,
  type HostOutputs,
  type Loss,
  requireFiniteOutputs,
  type Task,
} from '../tasks/index.ts';
import { readOutputs, uploadImages, uploadTargets } from './transfer.ts';
import type { BatchEvaluation, EvaluatedBatch, StepDevice, TrainableModel } from './types.ts';

/** Between the names of outputs: no model has one of this name. */
const report = 'evaluation.losses';

export class EvaluationStep implements BatchEvaluation {
  private compiled: CompiledFunction | undefined;
  private lossNames: string[] = [];
  private warnings: { readonly code: string; readonly message: string }[] = [];

  constructor(
    private readonly model: TrainableModel,
    private readonly task: Task<unknown>,
    private readonly device: StepDevice,
    private readonly wantsLosses = true,
  ) {
    this.compiled = device.prepare && this.compiledFunction(device.prepare);
  }

  async run(batch: Batch): Promise<EvaluatedBatch> {
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

  private async runCompiled(compiled: CompiledFunction, batch: Batch): Promise<EvaluatedBatch> {
    const { task, model, wantsLosses } = this;
    const [count, , height, width] = batch.shape;
    const matches = wantsLosses && task.matchesOnHost;
    const inputs: HostTensors = {
      pixel_values: { shape: batch.shape, data: batch.pixelValues },
      ...(model.takesPixelMask
        ? { pixel_mask: { shape: [count, height, width], data: Float32Array.from(batch.pixelMask) } }
        : {}),
      ...(wantsLosses && !matches ? asInputs(task.targets(batch)) : {}),
    };
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

const asInputs = (targets: HostArrays): HostTensors =>
  Object.fromEntries(Object.entries(targets).map(([name, array]) => [`target.${name}`, array]));
