/** One training forward and backward of a case, through the tasks' public parts. */
import { Tape, tf } from '../../../src/engine/index.ts';
import type { LoadedModel } from '../../../src/models/index.ts';
import type { ForwardContext } from '../../../src/nn/index.ts';
import {
  type Assignment,
  classificationLoss,
  classificationTargets,
  type DetectionLabels,
  detectionLoss,
  detectionOptions,
  detectionTargets,
  type HostArrays,
  type HostOutputs,
  heatmapLoss,
  type Loss,
  type MatchingWeights,
  type ModelOutputs,
  match,
  matchingCosts,
  outputLayers,
} from '../../../src/tasks/index.ts';
import type { CaseTensor, CaseTensors } from './case-tensors.ts';

export interface Match {
  readonly layer: number;
  readonly image: number;
  readonly cost: CaseTensor;
  readonly source: readonly number[];
  readonly target: readonly number[];
}

export interface StepOutcome {
  readonly loss: number;
  readonly parts: ReadonlyMap<string, number>;
  readonly outputs: ReadonlyMap<string, CaseTensor>;
  readonly matches: readonly Match[];
  /** Of the parameters that are trained and that the loss depends on. */
  readonly gradients: ReadonlyMap<string, CaseTensor>;
}

/** Gradients stay on the device, for an optimiser; the caller disposes of them. */
export interface DeviceOutcome {
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, tf.Tensor>;
}

type ContextPart = Omit<ForwardContext, 'training'>;

export async function lossOf(
  loaded: LoadedModel,
  inputs: CaseTensors,
  context: ContextPart,
): Promise<StepOutcome> {
  const run = await differentiate(loaded, inputs, context);
  const gradients = new Map<string, CaseTensor>();
  for (const [name, gradient] of run.gradients) {
    gradients.set(name, { shape: gradient.shape, data: Float32Array.from(await gradient.data()) });
    gradient.dispose();
  }
  return { ...run, gradients };
}

export async function differentiate(
  loaded: LoadedModel,
  inputs: CaseTensors,
  context: ContextPart,
): Promise<Omit<StepOutcome, 'gradients'> & DeviceOutcome> {
  const { model } = loaded;
  const trained = [...model.parameters()].filter(([, parameter]) => parameter.requiresGrad);
  const variables = trained.map(([, parameter]) => parameter.value);
  using tape = new Tape();
  const outputs = model.forward(inputs.modelInputs(), { training: true, ...context });
  const host = await readOutputs(outputs);
  const task = caseTask(loaded, inputs);
  const { total, parts } = task.loss(outputs, upload(task.targets(host)));
  const found = tape.gradients(total, variables);
  const gradients = new Map<string, tf.Tensor>();
  trained.forEach(([name], i) => {
    if (found[i]) gradients.set(name, tf.keep(found[i]));
  });
  const loss = (await total.data())[0]!;
  const readParts = new Map<string, number>();
  for (const [name, part] of Object.entries(parts)) readParts.set(name, (await part.data())[0]!);
  return {
    loss,
    parts: readParts,
    outputs: new Map(Object.entries(host)),
    matches: task.matches(host),
    gradients,
  };
}

async function readOutputs(outputs: ModelOutputs): Promise<HostOutputs> {
  const host: Record<string, CaseTensor> = {};
  for (const [name, tensor] of Object.entries(outputs)) {
    host[name] = { shape: tensor.shape, data: Float32Array.from(await tensor.data()) };
  }
  return host;
}

function upload(arrays: HostArrays): Record<string, tf.Tensor> {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, { shape, data }]) => [
      name,
      tf.tensor(data, [...shape], data instanceof Int32Array ? 'int32' : 'float32'),
    ]),
  );
}

/** What a case trains, by what it stores as labels. */
export interface CaseTask {
  /** Whether the targets need the outputs. */
  readonly matchesOnHost: boolean;
  targets(outputs?: HostOutputs): HostArrays;
  loss(outputs: ModelOutputs, targets: Readonly<Record<string, tf.Tensor>>): Loss;
  matches(outputs: HostOutputs): readonly Match[];
}

export function caseTask(loaded: LoadedModel, inputs: CaseTensors): CaseTask {
  const labels = inputs.labels();
  const options = inputs.lossOptions();
  if (labels) return classificationCase(labels, loaded, options);
  const heatmaps = inputs.heatmapTargets();
  if (heatmaps) return keypointCase(heatmaps);
  return detectionCase(inputs.objects(), detectionOptions(loaded.config, options.classWeights));
}

function classificationCase(
  labels: readonly (readonly number[])[],
  { classes, config }: LoadedModel,
  options: ReturnType<CaseTensors['lossOptions']>,
): CaseTask {
  const multiLabel = config.problem_type === 'multi_label_classification';
  const samples = labels.map((own, index) => ({
    index,
    imageId: index,
    size: { height: 0, width: 0 },
    originalSize: { height: 0, width: 0 },
    boxes: [],
    boxLabels: [],
    labels: own,
  }));
  return {
    matchesOnHost: false,
    targets: () => classificationTargets({ samples, count: labels.length }, classes.size, { multiLabel }),
    loss: (outputs, targets) => classificationLoss(outputs, targets, { ...options, multiLabel }),
    matches: () => [],
  };
}

function keypointCase(targets: HostArrays): CaseTask {
  const batch = targets.target_weight!.shape[0]!;
  const weight = { shape: [batch], data: new Float32Array(batch).fill(1) };
  return {
    matchesOnHost: false,
    targets: () => ({ ...targets, weight }),
    loss: heatmapLoss,
    matches: () => [],
  };
}

function detectionCase(
  labels: readonly DetectionLabels[],
  options: ReturnType<typeof detectionOptions>,
): CaseTask {
  return {
    matchesOnHost: true,
    targets: (outputs) => detectionTargets(outputs!, labels, options.matching),
    loss: (outputs, targets) => detectionLoss(outputs, targets, options.loss),
    matches: (outputs) => matchesOf(outputs, labels, options.matching),
  };
}

function matchesOf(host: HostOutputs, labels: readonly DetectionLabels[], weights: MatchingWeights): Match[] {
  return outputLayers(Object.keys(host)).flatMap(({ prefix }, layer) =>
    labels.map((image, i) => {
      const logits = host[`${prefix}logits`]!;
      const boxes = host[`${prefix}pred_boxes`]!;
      const [, queries = 0, columns = 0] = logits.shape;
      const outputs = {
        logits: logits.data.subarray(i * queries * columns, (i + 1) * queries * columns),
        boxes: boxes.data.subarray(i * queries * 4, (i + 1) * queries * 4),
        queries,
      };
      const found: Assignment = match(outputs, image, weights);
      const cost = Float32Array.from(matchingCosts(outputs, image, weights));
      const shape = [queries, image.classLabels.length];
      return { layer, image: i, cost: { shape, data: cost }, source: found.rows, target: found.columns };
    }),
  );
}
