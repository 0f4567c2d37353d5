/**
 * The same passes compiled: one graph each, traced from the public parts and run on WebGPU. Whatever can't be compiled
 * fails the case; nothing falls back. Backends without a compiler replay the same graphs kernel by kernel, which shows
 * that nothing is missing in them.
 */
import type { Batch } from '../../../src/data/index.ts';
import {
  CompiledFunction,
  type Device,
  type HostTensors,
  replayProgram,
  Tape,
  type tf,
} from '../../../src/engine/index.ts';
import type { LoadedModel, VisionModel } from '../../../src/models/index.ts';
import type { ForwardContext } from '../../../src/nn/index.ts';
import type { HostArrays, Task } from '../../../src/tasks/index.ts';
import { createAlgorithm, Optimizer, TrainingStep } from '../../../src/training/index.ts';
import type { CaseTensor, CaseTensors } from './case-tensors.ts';
import type { OptimizerSettings } from './checks.ts';
import { caseTask, type StepOutcome } from './loss.ts';

/** A device that compiles. */
export type CompilingDevice = Device & { readonly prepare: NonNullable<Device['prepare']> };

export function requireCompiling(device: Device): CompilingDevice {
  if (device.prepare) return device as CompilingDevice;
  if (device.backend !== 'webgpu') return { ...device, prepare: replayProgram };
  throw new Error(`--compiled on webgpu needs OCELLI_EAGER left out, received ${device.description}`);
}

const variablesOf = (model: VisionModel): Map<string, tf.Variable> =>
  new Map([...model.tensors()].map(([name, { value }]) => [name, value]));

function inputTensors(inputs: CaseTensors, prefix = ''): Record<string, CaseTensor> {
  const names = ['pixel_values', 'pixel_mask'];
  const found = names.flatMap((name) => {
    const stored = inputs.get(prefix + name);
    return stored ? [[name, stored] as const] : [];
  });
  return Object.fromEntries(found);
}

const modelInputs = ({ pixel_values, pixel_mask }: Readonly<Record<string, tf.Tensor>>) => ({
  pixel_values: pixel_values!,
  ...(pixel_mask ? { pixel_mask } : {}),
});

const asTargets = (arrays: HostArrays): HostTensors =>
  Object.fromEntries(Object.entries(arrays).map(([name, array]) => [`target.${name}`, array]));

function targetsIn(tensors: Readonly<Record<string, tf.Tensor>>): Record<string, tf.Tensor> {
  const named = Object.entries(tensors).filter(([name]) => name.startsWith('target.'));
  return Object.fromEntries(named.map(([name, tensor]) => [name.slice('target.'.length), tensor]));
}

/** Outputs of a forward pass, hidden states among them. */
export async function compiledForward(
  { prepare }: CompilingDevice,
  model: VisionModel,
  inputs: CaseTensors,
  prefix = '',
): Promise<Map<string, CaseTensor>> {
  const forward = new CompiledFunction(
    prepare,
    (tensors) => ({
      ...model.forward(modelInputs(tensors), { training: false, outputHiddenStates: true }),
    }),
    variablesOf(model),
  );
  const outputs = await forward.call(inputTensors(inputs, prefix));
  forward.dispose();
  return new Map(Object.entries(outputs));
}

/** A training forward and backward pass; `buffers` are the running statistics after it. */
export async function compiledLoss(
  { prepare }: CompilingDevice,
  loaded: LoadedModel,
  inputs: CaseTensors,
  context: Pick<ForwardContext, 'batchStatistics'> = {},
): Promise<StepOutcome & { readonly buffers: ReadonlyMap<string, CaseTensor> }> {
  const { model } = loaded;
  const task = caseTask(loaded, inputs);
  const trained = [...model.parameters()].filter(([, parameter]) => parameter.requiresGrad);
  const names = new Map([...model.buffers()].map(([name, buffer]) => [buffer, name]));
  const step = new CompiledFunction(
    prepare,
    (tensors, ask) => {
      const results: Record<string, tf.Tensor> = {};
      const tape = new Tape();
      const outputs = model.forward(modelInputs(tensors), {
        training: true,
        ...context,
        updateBuffer: (buffer, value) => {
          results[`buffer ${names.get(buffer)}`] = value;
        },
      });
      const fed = task.matchesOnHost ? ask({ ...outputs }) : tensors;
      const { total, parts } = task.loss(outputs, targetsIn(fed));
      const gradients = tape.gradients(
        total,
        trained.map(([, parameter]) => parameter.value),
      );
      trained.forEach(([name], i) => {
        if (gradients[i]) results[`gradient ${name}`] = gradients[i];
      });
      for (const [name, part] of Object.entries(parts)) results[`part ${name}`] = part;
      for (const [name, output] of Object.entries(outputs)) results[`output ${name}`] = output;
      return { ...results, loss: total };
    },
    variablesOf(model),
  );
  const targets = task.matchesOnHost ? {} : asTargets(task.targets());
  const found = await step.call({ ...inputTensors(inputs), ...targets }, (outputs) =>
    asTargets(task.targets(outputs)),
  );
  step.dispose();
  const group = (prefix: string): Map<string, CaseTensor> =>
    new Map(
      Object.entries(found).flatMap(([name, value]) =>
        name.startsWith(`${prefix} `) ? [[name.slice(prefix.length + 1), value] as const] : [],
      ),
    );
  const outputs = group('output');
  return {
    loss: found.loss!.data[0]!,
    parts: new Map([...group('part')].map(([name, { data }]) => [name, data[0]!])),
    outputs,
    matches: task.matches(Object.fromEntries(outputs)),
    gradients: group('gradient'),
    buffers: group('buffer'),
  };
}

/** The optimiser steps of a case by the kit's own compiled step. */
export class CompiledTrainer {
  private readonly step_: TrainingStep<unknown>;
  private readonly optimizer: Optimizer;
  private readonly batch: Batch;
  private steps = 0;

  constructor(
    device: CompilingDevice,
    loaded: LoadedModel,
    inputs: CaseTensors,
    private readonly settings: OptimizerSettings,
  ) {
    const { betas, eps, weight_decay, max_grad_norm } = settings;
    const parameters = [...loaded.model.parameters()]
      .filter(([, parameter]) => parameter.requiresGrad)
      .map(([name, parameter]) => ({ name, variable: parameter.value }));
    const algorithm = createAlgorithm('AdamW', { betas, eps, weight_decay });
    this.optimizer = new Optimizer(algorithm, [{ name: 'all', parameters, learningRateFactor: 1 }]);
    const task = caseTask(loaded, inputs);
    const trainable = {
      matchesOnHost: task.matchesOnHost,
      targets: (_, outputs) => task.targets(outputs),
      loss: (outputs, targets) => task.loss(outputs, targets),
    } as Pick<Task<unknown>, 'matchesOnHost' | 'targets' | 'loss'> as Task<unknown>;
    this.step_ = new TrainingStep(loaded.model, trainable, device, this.optimizer, {
      seed: 0,
      clip: { kind: 'norm', limit: max_grad_norm },
      mix: { mixupAlpha: 0, cutmixAlpha: 0 },
    });
    this.batch = batchOf(inputs);
  }

  /** The loss before the step and the norm of its gradients before clipping. */
  async step(): Promise<{ loss: number; norm: number }> {
    this.steps++;
    await this.step_.add(this.batch, this.steps, 0);
    await this.step_.finish([this.settings.lr], this.steps);
    const [result] = await this.step_.results(0);
    if (!this.step_.isCompiled) throw new Error(this.step_.takeWarnings()[0]?.message);
    return { loss: result!.loss, norm: result!.gradientNorm };
  }

  dispose(): void {
    this.step_.dispose();
    this.optimizer.dispose();
  }
}

/** The images of a case; its labels are the task's. */
function batchOf(inputs: CaseTensors): Batch {
  const { shape, data } = inputs.get('pixel_values')!;
  const [count = 0, channels = 0, height = 0, width = 0] = shape;
  const mask = inputs.get('pixel_mask')?.data;
  return {
    position: 0,
    indices: [],
    imageIds: [],
    pixelValues: data,
    pixelMask: mask ? Uint8Array.from(mask) : new Uint8Array(count * height * width).fill(1),
    // Data sets have colour pictures only; a model need not.
    shape: [count, channels, height, width] as unknown as Batch['shape'],
    count,
    samples: [],
  };
}
