/**
 * Weights into a model, one tensor at a time. Names are equal by construction, so loading is the identity, apart
 * from three things: a checkpoint of the bare model lacks the prefix (`vit.`), heads may be for other classes,
 * and position embeddings may be for another input size. A shape that fits none of these is an error: the file
 * and its config.json don't belong together.
 */
import { CheckpointError, type ClassMap } from '../core/index.ts';
import type { TensorFile } from '../formats/safetensors/index.ts';
import { initialValues } from '../nn/index.ts';
import { carryRows, matchClasses, sameOrder } from './classes.ts';
import type { Family, HfConfig, VisionModel } from './types.ts';

export interface LoadReport {
  /** Parameters that the checkpoint lacks: they start fresh. */
  readonly missing: readonly string[];
  /** Tensors of the checkpoint that the model has no place for. */
  readonly unexpected: readonly string[];
  readonly classesKept: number;
  readonly classesNew: number;
}

export interface LoadRequest {
  readonly model: VisionModel;
  readonly family: Family;
  readonly weights: TensorFile;
  /** The checkpoint's own config. */
  readonly config: HfConfig;
  readonly fromClasses: ClassMap;
  readonly classes: ClassMap;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

export async function loadWeights(request: LoadRequest): Promise<LoadReport> {
  const { model, family, weights, config, fromClasses, classes, seed, signal } = request;
  const names = checkpointNames(model, weights, family.baseModelPrefix);
  const heads = new Map(model.classHeads.map((head) => [head.parameter, head]));
  const rows = sameOrder(fromClasses, classes) ? undefined : matchClasses(fromClasses, classes);
  const missing: string[] = [];
  const used = new Set<string>();
  let headFound = false;
  for (const [name, tensor] of model.tensors()) {
    signal?.throwIfAborted();
    const stored = names(name);
    const info = stored === undefined ? undefined : weights.tensors.get(stored);
    if (stored === undefined || !info) {
      tensor.set(initialValues(name, tensor, seed));
      // Older files lack the counters; they are zero then, as in torch.
      if (!name.endsWith('.num_batches_tracked')) missing.push(name);
      continue;
    }
    used.add(stored);
    const head = heads.get(name);
    if (head) {
      requireShape(name, info.shape, [fromClasses.size + head.extraRows, ...tensor.shape.slice(1)]);
      headFound = true;
      const values = await weights.read(stored, signal);
      const fresh = rows && initialValues(name, tensor, seed);
      tensor.set(fresh ? carryRows(values, fresh, rows, fromClasses.size, head) : values);
      continue;
    }
    const adapt = same(info.shape, tensor.shape)
      ? undefined
      : family.adaptTensor?.(name, info.shape, config, model.config);
    if (!adapt) requireShape(name, info.shape, tensor.shape);
    const values = await weights.read(stored, signal);
    tensor.set(adapt ? await adapt(values) : values);
  }
  if (used.size === 0) throw nothingFits(model, weights);
  const known = rows ? rows.filter((row) => row !== undefined).length : classes.size;
  const classesKept = headFound ? known : 0;
  return {
    missing,
    unexpected: [...weights.tensors.keys()].filter((name) => !used.has(name) && !model.ignoresOnLoad(name)),
    classesKept,
    classesNew: classes.size - classesKept,
  };
}

/** From a parameter's name to that in the file: the same, or without the prefix where no name there has it. */
function checkpointNames(
  model: VisionModel,
  weights: TensorFile,
  prefix: string,
): (name: string) => string | undefined {
  const stored = weights.tensors;
  const bare = ![...stored.keys()].some((name) => name.startsWith(prefix));
  const fits = (name: string): boolean => stored.has(name.slice(prefix.length));
  const strips = bare && [...model.tensors()].some(([name]) => name.startsWith(prefix) && fits(name));
  return (name) => {
    if (stored.has(name)) return name;
    return strips && name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
  };
}

const same = (a: readonly number[], b: readonly number[]): boolean => a.join() === b.join();

function requireShape(name: string, received: readonly number[], expected: readonly number[]): void {
  if (same(received, expected)) return;
  throw new CheckpointError({
    code: 'weight_shape',
    expected: `${name} to be [${expected.join(', ')}], as config.json says`,
    received: `[${received.join(', ')}] in the weights`,
    fix: 'use the config.json and the weights of the same checkpoint',
  });
}

function nothingFits(model: VisionModel, weights: TensorFile): CheckpointError {
  const first = (names: Iterable<string>): string => [...names].slice(0, 3).join(', ');
  return new CheckpointError({
    code: 'weights_do_not_fit',
    expected: `weights of a ${model.modelType} model (${first([...model.tensors()].map(([name]) => name))}, …)`,
    received: weights.tensors.size === 0 ? 'no tensors' : `${first(weights.tensors.keys())}, …`,
    fix: 'use the weights that belong to this config.json',
  });
}
