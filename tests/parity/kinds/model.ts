/**
 * A whole model against transformers and torch, through `fromPretrained` on the case's folder: outputs, loss,
 * matching, every gradient, batch-norm statistics and three optimiser steps.
 *
 * Tolerances are the case's own (`suggested_tolerance`): max|a − b| ≤ rtol · max(max|b| of the tensor, 1e-3 ·
 * the largest of its group), with the README's rule for parameters after Adam steps. On WebGPU up to ten times
 * as much passes; the ratio is printed. With `--compiled` every pass is one compiled graph, the optimiser steps are
 * the kit's own compiled training step, and what can't be compiled fails.
 */
import { openDevice, tf } from '../../../src/engine/index.ts';
import { fromPretrained, type LoadedModel, type VisionModel } from '../../../src/models/index.ts';
import type { KindHandler } from '../case.ts';
import { type CaseTensor, type CaseTensors, readCaseTensors } from '../model/case-tensors.ts';
import { ModelChecks, type OptimizerSettings } from '../model/checks.ts';
import {
  CompiledTrainer,
  type CompilingDevice,
  compiledForward,
  compiledLoss,
  requireCompiling,
} from '../model/compiled.ts';
import { lossOf, type StepOutcome } from '../model/loss.ts';
import { Trainer } from '../model/trainer.ts';

export const model: KindHandler = async (parityCase, report, options) => {
  await using device = await openDevice(options.device);
  const inputs = await readCaseTensors(parityCase, 'inputs.safetensors');
  const expected = await readCaseTensors(parityCase, 'expected.safetensors');
  const checks = new ModelChecks(parityCase, report, expected, device.backend === 'webgpu' ? 10 : 1);
  const load = (): Promise<LoadedModel> => fromPretrained(parityCase.folder);
  const passes = options.compiled ? compiledPasses(requireCompiling(device)) : eagerPasses;
  report.equal('compiled', passes.compiled, options.compiled);

  const loaded = await load();
  report.equal('load.missing', loaded.report.missing, []);
  report.equal('load.unexpected', loaded.report.unexpected, []);
  await evaluation(passes, loaded.model, inputs, expected, checks);
  await scaledWeights(passes, loaded.model, inputs, checks);
  loaded.model.dispose();

  await withModel(load, checks, (fresh) => training(passes, fresh, inputs, checks));
  if (checks.wants('frozenbn.')) {
    await withModel(load, checks, (fresh) => frozenStatistics(passes, fresh, inputs, checks));
  }
  await withModel(load, checks, (fresh) => optimizerSteps(passes, fresh, inputs, checks));
};

async function withModel(
  load: () => Promise<LoadedModel>,
  checks: ModelChecks,
  run: (loaded: LoadedModel) => Promise<void>,
): Promise<void> {
  const loaded = await load();
  const frozen = new Set(checks.frozenParameters);
  for (const [name, parameter] of loaded.model.parameters()) parameter.requiresGrad = !frozen.has(name);
  await run(loaded);
  loaded.model.dispose();
}

/** How a case's passes are computed. */
interface Passes {
  readonly compiled: boolean;
  forward(model: VisionModel, inputs: CaseTensors, prefix?: string): Promise<Map<string, CaseTensor>>;
  /** Running statistics come with it where `statistics` is not false. */
  loss(
    loaded: LoadedModel,
    inputs: CaseTensors,
    context: { readonly batchStatistics?: boolean },
  ): Promise<StepOutcome & { readonly buffers: ReadonlyMap<string, CaseTensor> }>;
  trainer(
    loaded: LoadedModel,
    inputs: CaseTensors,
    settings: OptimizerSettings,
  ): Pick<Trainer, 'step' | 'dispose'>;
}

const compiledPasses = (device: CompilingDevice): Passes => ({
  compiled: true,
  forward: (model, inputs, prefix) => compiledForward(device, model, inputs, prefix),
  loss: (loaded, inputs, context) => compiledLoss(device, loaded, inputs, context),
  trainer: (loaded, inputs, settings) => new CompiledTrainer(device, loaded, inputs, settings),
});

const eagerPasses: Passes = {
  compiled: false,
  async forward(model, inputs, prefix) {
    const outputs = tf.tidy(() => ({
      ...model.forward(inputs.modelInputs(prefix), { training: false, outputHiddenStates: true }),
    }));
    const values = await readAll(Object.entries(outputs));
    tf.dispose(Object.values(outputs));
    return values;
  },
  async loss(loaded, inputs, context) {
    const names = new Map([...loaded.model.buffers()].map(([name, buffer]) => [buffer, name]));
    const statistics = new Map<string, tf.Tensor>();
    const outcome = await lossOf(loaded, inputs, {
      ...context,
      updateBuffer: (buffer, value) => void statistics.set(names.get(buffer)!, tf.keep(value)),
    });
    const buffers = await readAll(statistics);
    tf.dispose([...statistics.values()]);
    return { ...outcome, buffers };
  },
  trainer: (loaded, inputs, settings) => new Trainer(loaded, inputs, settings),
};

async function readAll(tensors: Iterable<readonly [string, tf.Tensor]>): Promise<Map<string, CaseTensor>> {
  const values = new Map<string, CaseTensor>();
  for (const [name, tensor] of tensors) {
    values.set(name, { shape: tensor.shape, data: Float32Array.from(await tensor.data()) });
  }
  return values;
}

async function evaluation(
  passes: Passes,
  model: VisionModel,
  inputs: CaseTensors,
  expected: CaseTensors,
  checks: ModelChecks,
): Promise<void> {
  for (const [name, value] of await passes.forward(model, inputs))
    checks.compare(`eval.${name}`, value, 'outputs');
  if (!expected.names.some((name) => name.startsWith('eval.interp.'))) return;
  for (const [name, value] of await passes.forward(model, inputs, 'interp.')) {
    checks.compare(`eval.interp.${name}`, value, 'outputs');
  }
}

/** All weights times 0.03: a wrong epsilon in a norm shows. */
async function scaledWeights(
  passes: Passes,
  model: VisionModel,
  inputs: CaseTensors,
  checks: ModelChecks,
): Promise<void> {
  if (!checks.wants('epsprobe.')) return;
  for (const [, tensor] of model.tensors()) {
    if (tensor.dtype !== 'F32') continue;
    const values = await tensor.value.data();
    tensor.set(Float32Array.from(values, (value) => Math.fround(value * Math.fround(0.03))));
  }
  const outputs = await passes.forward(model, inputs);
  for (const [name, value] of outputs) checks.compare(`epsprobe.${name}`, value, 'epsprobe');
  if (!outputs.has('last_hidden_state')) {
    const states = [...outputs.keys()].filter((name) => name.startsWith('hidden_states.'));
    const last = outputs.get(`hidden_states.${states.length - 1}`);
    if (last) checks.compare('epsprobe.last_hidden_state', last, 'epsprobe');
  }
}

/** One forward and backward pass while training. */
async function training(
  passes: Passes,
  loaded: LoadedModel,
  inputs: CaseTensors,
  checks: ModelChecks,
): Promise<void> {
  const outcome = await passes.loss(loaded, inputs, {});
  checks.compareNumber('train.loss', outcome.loss, 'loss');
  for (const [name, value] of outcome.parts) checks.compareNumber(`train.loss_dict.${name}`, value, 'loss');
  for (const [name, value] of outcome.outputs) checks.compare(`train.${name}`, value, 'train_outputs');
  for (const { layer, image, cost, source, target } of outcome.matches) {
    checks.compare(`match.${layer}.${image}.cost`, cost, 'matching');
    checks.compareExactly(`match.${layer}.${image}.src`, source);
    checks.compareExactly(`match.${layer}.${image}.tgt`, target);
  }
  compareGradients('grad.', outcome, checks);
  for (const [name, value] of outcome.buffers) checks.compare(`bn_after1.${name}`, value, 'bn_after1');
}

function compareGradients(prefix: string, { gradients }: StepOutcome, checks: ModelChecks): void {
  for (const [name, value] of gradients) checks.compare(prefix + name, value, 'grads');
}

async function frozenStatistics(
  passes: Passes,
  loaded: LoadedModel,
  inputs: CaseTensors,
  checks: ModelChecks,
): Promise<void> {
  const outcome = await passes.loss(loaded, inputs, { batchStatistics: false });
  checks.compareNumber('frozenbn.loss', outcome.loss, 'loss');
  for (const [name, value] of outcome.outputs) checks.compare(`frozenbn.${name}`, value, 'train_outputs');
  compareGradients('frozenbn.grad.', outcome, checks);
}

async function optimizerSteps(
  passes: Passes,
  loaded: LoadedModel,
  inputs: CaseTensors,
  checks: ModelChecks,
): Promise<void> {
  const { model } = loaded;
  const trainer = passes.trainer(loaded, inputs, checks.optimizer);
  const losses: number[] = [];
  const norms: number[] = [];
  for (let step = 1; step <= checks.optimizer.steps; step++) {
    const { loss, norm } = await trainer.step();
    losses.push(loss);
    norms.push(norm);
    for (const [name, parameter] of model.parameters()) {
      if (checks.wants(`after${step}.${name}`)) {
        checks.compareAfterSteps(
          `after${step}.${name}`,
          Float32Array.from(await parameter.value.data()),
          step,
        );
      }
    }
  }
  checks.compare('step_losses', { shape: [losses.length], data: Float32Array.from(losses) }, 'steps');
  checks.compare('step_grad_norms', { shape: [norms.length], data: Float32Array.from(norms) }, 'steps');
  for (const [name, buffer] of model.buffers()) {
    const check = `bn_after${checks.optimizer.steps}.${name}`;
    if (!checks.wants(check)) continue;
    const value = { shape: buffer.shape, data: Float32Array.from(await buffer.value.data()) };
    checks.compare(check, value, `bn_after${checks.optimizer.steps}`);
  }
  const { loss } = await passes.loss(loaded, inputs, {});
  checks.compareNumber(`loss_after${checks.optimizer.steps}`, loss, 'steps');
  trainer.dispose();
}
