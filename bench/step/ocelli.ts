/** Ocelli's own step, as `ocelli train` runs it: compiled where it can be, or eager as with OCELLI_EAGER=1. */
import type { Batch } from '../../src/data/index.ts';
import type { Device } from '../../src/engine/index.ts';
import type { HostArrays, HostOutputs } from '../../src/tasks/index.ts';
import { createTask } from '../../src/tasks/index.ts';
import {
  createAlgorithm,
  Optimizer,
  parameterGroups,
  type StepSettings,
  type TrainableModel,
  TrainingStep,
} from '../../src/training/index.ts';
import { classes, type OcelliNetwork } from '../networks/ocelli.ts';
import type { Contender } from './contender.ts';
import { learningRate } from './hyperparameters.ts';

export const ocelliName = '';
export const eagerName = 'Ocelli, eager';
export const halfName = 'Ocelli, fp16';

export interface OcelliContender extends Contender {
  readonly model: TrainableModel;
  /** As `step`, with another batch. */
  step(batch?: Batch): Promise<number>;
  /** Traces, plans and compiles the step of the batch and gives it its memory, but does not run it. */
  prepare(): Promise<void>;
  /** Why the step is not compiled, once it is known. */
  warnings(): string[];
  /** What the loss of the first step was computed with; there after the first step. */
  targets(): HostArrays;
}

export function ocelliContender(
  network: OcelliNetwork,
  batch: Batch,
  device: Device,
  { eager, settings = {} }: { readonly eager: boolean; readonly settings?: Partial<StepSettings> },
): OcelliContender {
  const model = network.build();
  const task = createTask(network.task as 'classification', { classes, config: network.config });
  let first: HostArrays | undefined;
  const watched = Object.create(task) as typeof task;
  watched.targets = (given: Batch, outputs?: HostOutputs) => {
    const targets = task.targets(given, outputs);
    first ??= targets;
    return targets;
  };
  const groups = parameterGroups(model, {
    backboneLearningRateFactor: 1,
    weightDecay: 0,
    noDecayNormBias: false,
  });
  const optimizer = new Optimizer(createAlgorithm('adamw', {}), groups);
  // As with OCELLI_EAGER=1, which both kinds of step in one process can't have.
  const prepare = eager ? undefined : device.prepare;
  const training = new TrainingStep(model, watched, { ...device, prepare }, optimizer, {
    seed: 1,
    mix: { mixupAlpha: 0, cutmixAlpha: 0 },
    ...settings,
  });
  let number = 0;
  const step = async (given = batch): Promise<number> => {
    number++;
    await training.add(given, number, 0);
    await training.finish(
      groups.map(() => learningRate),
      number,
    );
    const [result] = await training.results(0);
    return result!.loss;
  };
  return {
    name: eager ? eagerName : settings.precision === 'fp16' ? halfName : ocelliName,
    model,
    warnings: () => training.takeWarnings().map(({ message }) => message),
    targets() {
      if (!first) throw new Error('targets are known after the first step');
      return first;
    },
    step,
    prepare: () => training.add(batch, 1, 0),
    dispose() {
      training.dispose();
      model.dispose();
    },
  };
}
