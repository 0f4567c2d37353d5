/**
 * What a step and an evaluation take of a device's memory, told by shapes alone: before a weight is fetched, and in the
 * time that it takes to write a step down. The step is traced on tensors without numbers. Where steps are compiled, the graphs
 * are planned as they will be, and the plan says every byte; where they run kernel by kernel, the tensors that are
 * alive are counted, to which come what kernels need for themselves and what the allocator loses.
 */
import type { Size } from '../core/index.ts';
import type { Batch } from '../data/index.ts';
import {
  type Device,
  type PeakBytes,
  type PlannedProgram,
  peakBytes,
  probeOf,
  programBytes,
  shapesOnly,
  shapeTensor,
  shapeVariables,
  tf,
  withinTensors,
} from '../engine/index.ts';
import type { Parameter } from '../nn/index.ts';
import type { Task } from '../tasks/index.ts';
import { partOptions, variablesOf } from './compiled/plans.ts';
import { applyStep, namesOf, partStep, type StepParts, wholeStep } from './compiled/step-graphs.ts';
import { GradientSums } from './compiled/sums.ts';
import { ForwardPass, type Images, update } from './differentiate.ts';
import { Accumulated, averageIn } from './eager-step.ts';
import { WeightAverage } from './ema.ts';
import { EvaluationStep } from './evaluation-step.ts';
import { parameterGroups } from './groups.ts';
import { LossScale } from './loss-scale.ts';
import { createAlgorithm, Optimizer, scalarTensors } from './optimizers/index.ts';
import type { TrainingSettings } from './settings.ts';
import { uploadTargets } from './transfer.ts';
import type { TrainableModel } from './types.ts';

/** Bytes. */
export interface StepBytes {
  /** All that is there at the worst moment of a step, weights and the optimiser's state included. */
  readonly total: number;
  /** No less can do: `total` without what the arrangement in memory costs. */
  readonly least: number;
  /** The largest that is bound or made at once, and what it is. */
  readonly largest: { readonly what: string; readonly bytes: number };
}

export interface EstimateRequest {
  /** Built and frozen as it will train; its values need not be there, and are none afterwards either. */
  readonly model: TrainableModel;
  readonly task: Task<unknown>;
  readonly settings: TrainingSettings;
  /** Of the images, as they come out of the processor, padded. */
  readonly size: Size;
  /** Images that are computed at once. */
  readonly rows: number;
  /** In how many such parts a step is computed. */
  readonly parts: number;
  /** Images that an evaluation computes at once; 0: it is not asked about, and told to take what a step takes. */
  readonly evaluationRows: number;
  readonly device: Pick<Device, 'gpu' | 'prepare'>;
  /** Bytes above which nobody wants to know how much more it is. */
  readonly limit?: number | undefined;
}

/** What is there in a run at the worst moment of a step, before any evaluation, and of an evaluation, after steps. */
export interface EstimatedBytes {
  readonly step: StepBytes;
  readonly evaluation: StepBytes;
}

/** A few seconds of tracing; DETR with a ResNet-50 takes a tenth of it. */
const mostTensors = 300_000;

/** Throws where the step can't be traced, or not in reasonable time. */
export async function estimateBytes(request: EstimateRequest): Promise<EstimatedBytes> {
  const lent = lendShapes(request.model);
  try {
    const { gpu, prepare } = request.device;
    const parts = stepParts(request);
    return await withinTensors(mostTensors, () =>
      gpu && prepare ? planned(request, parts, gpu) : counted(request, parts),
    );
  } finally {
    for (const parameter of lent) parameter.lend(undefined);
  }
}

/** Gives variables without numbers to all that has no value yet. */
function lendShapes(model: TrainableModel): Parameter[] {
  const empty = [...model.tensors()].filter(([, parameter]) => !parameter.isMaterialized);
  const variables = shapeVariables(empty.map(([name, { shape }]) => [name, shape]));
  for (const [name, parameter] of empty) parameter.lend(variables.get(name));
  return empty.map(([, parameter]) => parameter);
}

function stepParts({ model, task, settings, device }: EstimateRequest): StepParts {
  const { name, options } = settings.optimizer;
  const groups = parameterGroups(model, settings.groups);
  const trainable = groups.flatMap(({ parameters }) => parameters);
  const { average } = settings;
  return {
    model,
    task,
    optimizer: new Optimizer(createAlgorithm(name, options), groups),
    trainable,
    clip: settings.clip,
    average: average && shapesOnly(() => new WeightAverage(trainable, average.decay, average.startStep)),
    lossScale: settings.precision === 'fp16' && device.prepare ? new LossScale() : undefined,
  };
}

/** Pictures with one object each: a step writes down the same whatever is in them. Nobody looks at their pixels. */
function batchOf({ size }: EstimateRequest, rows: number): Batch {
  const each = Array.from({ length: rows }, (_, row) => row);
  const { height, width } = size;
  return {
    position: 0,
    indices: each,
    imageIds: each,
    pixelValues: new Float32Array(),
    pixelMask: new Uint8Array(),
    shape: [rows, 3, height, width],
    count: rows,
    samples: each.map((index) => ({
      index,
      imageId: index,
      size,
      originalSize: size,
      boxes: [[0, 0, width, height]],
      boxLabels: [0],
      labels: [0],
    })),
  };
}

async function planned(
  request: EstimateRequest,
  parts: StepParts,
  gpu: NonNullable<Device['gpu']>,
): Promise<EstimatedBytes> {
  const step = tooManyImages(request, request.rows, gpu);
  const evaluation = tooManyImages(request, request.evaluationRows, gpu);
  const forSteps = step ? [] : await stepPrograms(request, parts);
  const steps = step ?? bytesOf(forSteps, gpu);
  if (evaluation || request.evaluationRows === 0) return { step: steps, evaluation: evaluation ?? steps };
  // What steps take stays while an evaluation runs.
  return { step: steps, evaluation: bytesOf([...forSteps, await evaluationProgram(request)], gpu) };
}

/** What no kernel can bind needs no plan. */
function tooManyImages(
  { size: { height, width } }: EstimateRequest,
  rows: number,
  gpu: NonNullable<Device['gpu']>,
): StepBytes | undefined {
  const bytes = 4 * rows * 3 * height * width;
  if (bytes <= gpu.memory.largestBinding) return undefined;
  return { total: bytes, least: bytes, largest: { what: 'pixel_values', bytes } };
}

function bytesOf(programs: readonly PlannedProgram[], gpu: NonNullable<Device['gpu']>): StepBytes {
  const { total, activations, activationsBound, largest } = programBytes(gpu, programs);
  return {
    total,
    least: total - activations + activationsBound,
    largest: { what: `a value of kernel "${largest.label}"`, bytes: largest.bytes },
  };
}

async function evaluationProgram(request: EstimateRequest): Promise<PlannedProgram> {
  const { model, task, settings, device, evaluationRows } = request;
  const step = new EvaluationStep(model, task, device as Device);
  const trace = await step.trace(batchOf(request, evaluationRows));
  return { trace, options: { precision: settings.precision } };
}

async function stepPrograms(request: EstimateRequest, parts: StepParts): Promise<PlannedProgram[]> {
  const { settings, parts: count, rows } = request;
  const batch = batchOf(request, rows);
  const targets = parts.task.matchesOnHost ? undefined : parts.task.targets(batch);
  const { present, losses } = await namesOf(parts, batch, targets, variablesOf(parts));
  shapesOnly(() => parts.optimizer.makeSlots(present));
  const programs: PlannedProgram[] = [];
  const { precision, checkpointActivations: recompute } = settings;
  const options = { precision, recompute };
  if (count === 1) {
    const graph = await wholeStep(parts, batch, targets, present, variablesOf(parts));
    programs.push({ trace: graph.trace, options });
  } else {
    const wanted = new Set(present);
    const ofPresent = parts.trainable.filter(({ name }) => wanted.has(name));
    const sums = shapesOnly(() => new GradientSums(ofPresent, losses));
    const variables = variablesOf(parts, sums);
    const part = await partStep(parts, batch, targets, sums, variables);
    programs.push({ trace: part.trace, options: { ...options, ...partOptions } });
    programs.push({ trace: (await applyStep(parts, sums, variables)).trace, options });
  }
  return programs;
}

function counted(request: EstimateRequest, parts: StepParts): EstimatedBytes {
  const variables = [...variablesOf(parts).values()];
  const batch = batchOf(request, request.rows);
  const step = peakBytes(
    () => {
      // Only the second meets the optimiser's state beside its activations.
      for (const number of [1, 2]) countedStep(request, parts, batch, number);
    },
    variables,
    request.limit,
  );
  if (request.evaluationRows === 0) return { step: countedBytes(step), evaluation: countedBytes(step) };
  const evaluation = peakBytes(
    () => countedEvaluation(request, batchOf(request, request.evaluationRows)),
    // With the optimiser's state.
    variablesOf(parts).values(),
    request.limit,
  );
  return { step: countedBytes(step), evaluation: countedBytes(evaluation) };
}

function countedBytes({ peak, largest }: PeakBytes): StepBytes {
  const what = `a tensor of shape [${largest.shape.join(', ')}]`;
  return { total: peak, least: peak, largest: { what, bytes: largest.bytes } };
}

function countedStep(request: EstimateRequest, parts: StepParts, batch: Batch, step: number): void {
  const { optimizer, average, clip } = parts;
  const accumulated = new Accumulated();
  // From the third part on nothing more comes together than with the second.
  for (let part = 0; part < Math.min(2, request.parts); part++)
    accumulated.add(batch.count, countedPart(parts, batch));
  const rates = optimizer.groups.map(() => 1);
  const prepared = optimizer.prepare(rates, accumulated.gradients.keys());
  const scalars = scalarTensors(prepared);
  const share = request.parts > 1 ? shapeTensor([]) : undefined;
  update(accumulated, { optimizer, clip, scalars, share, average: averageIn(average, step) });
  accumulated.dispose();
}

function imagesOf({ takesPixelMask }: TrainableModel, { shape }: Batch): Images {
  const [rows, , height, width] = shape;
  return {
    pixel_values: shapeTensor(shape),
    ...(takesPixelMask ? { pixel_mask: shapeTensor([rows, height, width]) } : {}),
  };
}

/** As `EvaluationStep` does it kernel by kernel. */
function countedEvaluation({ model, task }: EstimateRequest, batch: Batch): void {
  const outputs = tf.tidy(() => ({ ...model.forward(imagesOf(model, batch), { training: false }) }));
  const targets = task.matchesOnHost ? task.targets(batch, probeOf(outputs)) : task.targets(batch);
  tf.tidy(() => void task.loss(outputs, uploadTargets(targets)));
  tf.dispose(outputs);
}

/** Forward and backward, as `EagerStep` does it. */
function countedPart({ model, task, trainable }: StepParts, batch: Batch) {
  const images = imagesOf(model, batch);
  const seed = shapeTensor([], 'int32');
  const pass = new ForwardPass(model, images, seed);
  let uploaded: Record<string, tf.Tensor> = {};
  try {
    const targets = task.matchesOnHost
      ? task.targets(batch, probeOf({ ...pass.outputs }))
      : task.targets(batch);
    uploaded = uploadTargets(targets);
    return pass.backward((outputs) => task.loss(outputs, uploaded), trainable);
  } finally {
    pass.dispose();
    for (const tensor of [seed, ...Object.values(images), ...Object.values(uploaded)]) tensor.dispose();
  }
}
