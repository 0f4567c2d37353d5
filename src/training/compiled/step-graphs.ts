/**
 * A training step as graphs. With one part, everything is one graph: images in, weights moved. Where gradients are
 * accumulated there are two: `part` adds to sums that are kept on the device, `apply` moves the weights by them.
 *
 * Inputs: `pixel_values`, `pixel_mask`, `seed`, `target.<name>`, and `scalars`, the vector of everything that
 * changes from step to step. Output: `report`, the losses and the norm of the gradients. Where the task matches on
 * the host, the model's outputs are read at a halt, and the targets are fed there.
 */
import type { Batch } from '../../data/index.ts';
import {
  type NamedTensors,
  probeOf,
  type Specs,
  specsOf,
  type Trace,
  type TraceScope,
  tf,
  traceStep,
} from '../../engine/index.ts';
import type { HostArrays, Task } from '../../tasks/index.ts';
import type { GradientClip } from '../clip.ts';
import { type Differentiated, ForwardPass, update } from '../differentiate.ts';
import type { WeightAverage } from '../ema.ts';
import type { LossScale } from '../loss-scale.ts';
import type { NamedVariable, Optimizer } from '../optimizers/index.ts';
import type { TrainableModel } from '../types.ts';
import { ScalarLayout } from './scalars.ts';
import type { GradientSums } from './sums.ts';

/** What a step is made of. */
export interface StepParts {
  readonly model: TrainableModel;
  readonly task: Task<unknown>;
  readonly optimizer: Optimizer;
  readonly trainable: readonly NamedVariable[];
  readonly clip: GradientClip | undefined;
  readonly average: WeightAverage | undefined;
  /** The loss is scaled against underflow, and steps with an overflow are skipped; left out: neither. */
  readonly lossScale: LossScale | undefined;
}

/** A graph with what the host must know to run it. */
export interface StepGraph {
  readonly trace: Trace;
  readonly layout: ScalarLayout;
}

const scalarsOf = (layout: ScalarLayout): Specs => ({
  scalars: { shape: [layout.length], dtype: 'float32' },
});

/** Images, seed and, where nothing is matched, targets. */
function batchSpecs({ model, task }: StepParts, batch: Batch, targets: HostArrays | undefined): Specs {
  const [count, , height, width] = batch.shape;
  return {
    pixel_values: { shape: [...batch.shape], dtype: 'float32' },
    ...(model.takesPixelMask ? { pixel_mask: { shape: [count, height, width], dtype: 'float32' } } : {}),
    seed: { shape: [], dtype: 'int32' },
    ...(task.matchesOnHost ? {} : targetSpecs(targets!)),
  };
}

const targetSpecs = (arrays: HostArrays): Specs =>
  specsOf(Object.fromEntries(Object.entries(arrays).map(([name, array]) => [`target.${name}`, array])));

/** Forward, targets, backward, on tensors of a trace. */
function differentiate(
  { model, task, trainable }: StepParts,
  batch: Batch,
  inputs: NamedTensors,
  scope: TraceScope,
  scale?: tf.Tensor,
): Differentiated {
  const { pixel_values, pixel_mask, seed } = inputs;
  const images = { pixel_values: pixel_values!, ...(pixel_mask ? { pixel_mask } : {}) };
  const pass = new ForwardPass(model, images, seed!);
  try {
    const fed = task.matchesOnHost
      ? scope.halt({ ...pass.outputs }, targetSpecs(task.targets(batch, probeOf({ ...pass.outputs }))))
      : inputs;
    const named = Object.entries(fed).filter(([name]) => name.startsWith('target.'));
    const targets = Object.fromEntries(named.map(([name, tensor]) => [name.slice('target.'.length), tensor]));
    return pass.backward((outputs) => task.loss(outputs, targets), trainable, scale);
  } finally {
    pass.dispose();
  }
}

/** What a step gives, by name: found out before it is traced for good, because slots must be there then. */
export interface StepNames {
  /** The parameters that have a gradient. */
  readonly present: readonly string[];
  readonly losses: readonly string[];
}

export async function namesOf(
  parts: StepParts,
  batch: Batch,
  targets: HostArrays | undefined,
  variables: Iterable<readonly [string, tf.Variable]> = [],
): Promise<StepNames> {
  let names: StepNames = { present: [], losses: [] };
  await traceStep(
    (inputs, scope) => {
      const { gradients, losses } = differentiate(parts, batch, inputs, scope);
      names = { present: [...gradients.keys()], losses: [...losses.keys()] };
      return {};
    },
    batchSpecs(parts, batch, targets),
    { parameters: variables },
  );
  return names;
}

/** The whole step; the slots of `present` exist. */
export async function wholeStep(
  parts: StepParts,
  batch: Batch,
  targets: HostArrays | undefined,
  present: readonly string[],
  variables: Iterable<readonly [string, tf.Variable]>,
): Promise<StepGraph> {
  const layout = new ScalarLayout([
    ...optimizerScalars(parts, present),
    ...(parts.lossScale ? ['loss_scale', 'inverse_loss_scale'] : []),
  ]);
  const trace = await traceStep(
    (inputs, scope) => {
      const view = (name: string): tf.Tensor => layout.view(inputs.scalars!, name);
      const scale = parts.lossScale ? view('loss_scale') : undefined;
      const found = differentiate(parts, batch, inputs, scope, scale);
      return { report: moved(parts, found, present, view) };
    },
    { ...batchSpecs(parts, batch, targets), ...scalarsOf(layout) },
    { parameters: variables },
  );
  return { trace, layout };
}

/** One part: its gradients and losses, times its number of images, are added to the sums. */
export async function partStep(
  parts: StepParts,
  batch: Batch,
  targets: HostArrays | undefined,
  sums: GradientSums,
  variables: Iterable<readonly [string, tf.Variable]>,
): Promise<StepGraph> {
  const layout = new ScalarLayout(['images', 'later_part', ...(parts.lossScale ? ['loss_scale'] : [])]);
  const trace = await traceStep(
    (inputs, scope) => {
      const view = (name: string): tf.Tensor => layout.view(inputs.scalars!, name);
      const scale = parts.lossScale ? view('loss_scale') : undefined;
      const found = differentiate(parts, batch, inputs, scope, scale);
      sums.add(found, view('images'), tf.greater(view('later_part'), 0));
      return {};
    },
    { ...batchSpecs(parts, batch, targets), ...scalarsOf(layout) },
    { parameters: variables },
  );
  return { trace, layout };
}

/** Moves the weights by the sums of the parts. */
export async function applyStep(
  parts: StepParts,
  sums: GradientSums,
  variables: Iterable<readonly [string, tf.Variable]>,
): Promise<StepGraph> {
  const layout = new ScalarLayout([
    ...optimizerScalars(parts, sums.names),
    'image_share',
    ...(parts.lossScale ? ['inverse_loss_scale'] : []),
  ]);
  const trace = await traceStep(
    (inputs) => {
      const view = (name: string): tf.Tensor => layout.view(inputs.scalars!, name);
      return { report: moved(parts, sums.read(), sums.names, view, view('image_share')) };
    },
    scalarsOf(layout),
    { parameters: variables },
  );
  return { trace, layout };
}

/** `<index of the key>.<name>` for the optimiser's numbers, and the average's factors. */
function optimizerScalars({ optimizer, average }: StepParts, present: readonly string[]): string[] {
  const names = optimizer
    .scalarNames(present)
    .flatMap(({ names: own }, index) => own.map((name) => `${index}.${name}`));
  return [...names, ...(average ? ['average_decay', 'average_rest'] : [])];
}

function moved(
  parts: StepParts,
  found: Differentiated,
  present: readonly string[],
  view: (name: string) => tf.Tensor,
  share?: tf.Tensor,
): tf.Tensor {
  const { optimizer, clip, average, lossScale } = parts;
  const scalars = optimizer.scalarNames(present).map(({ key, names }, index) => {
    return [key, Object.fromEntries(names.map((name) => [name, view(`${index}.${name}`)]))] as const;
  });
  return update(found, {
    optimizer,
    clip,
    scalars: new Map(scalars),
    share,
    unscale: lossScale ? view('inverse_loss_scale') : undefined,
    average: average && { of: average, decay: view('average_decay'), rest: view('average_rest') },
  });
}
