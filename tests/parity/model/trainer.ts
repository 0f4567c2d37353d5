/** The optimiser steps of a case: AdamW on every parameter that is trained, gradients clipped by their norm. */
import { tf } from '../../../src/engine/index.ts';
import type { LoadedModel } from '../../../src/models/index.ts';
import type { Parameter } from '../../../src/nn/index.ts';
import { clipByNorm, createAlgorithm, Optimizer } from '../../../src/training/index.ts';
import type { CaseTensors } from './case-tensors.ts';
import type { OptimizerSettings } from './checks.ts';
import { differentiate } from './loss.ts';

export class Trainer {
  private readonly optimizer: Optimizer;

  constructor(
    private readonly loaded: LoadedModel,
    private readonly inputs: CaseTensors,
    private readonly settings: OptimizerSettings,
  ) {
    const { betas, eps, weight_decay } = settings;
    const parameters = [...loaded.model.parameters()]
      .filter(([, parameter]) => parameter.requiresGrad)
      .map(([name, parameter]) => ({ name, variable: parameter.value }));
    const algorithm = createAlgorithm('AdamW', { betas, eps, weight_decay });
    this.optimizer = new Optimizer(algorithm, [{ name: 'all', parameters, learningRateFactor: 1 }]);
  }

  /** The loss before the step and the norm of its gradients before clipping. */
  async step(): Promise<{ loss: number; norm: number }> {
    const buffers = new Map<Parameter, tf.Tensor>();
    const { loss, gradients } = await differentiate(this.loaded, this.inputs, {
      updateBuffer: (buffer, value) => void buffers.set(buffer, tf.keep(value)),
    });
    const names = [...gradients.keys()];
    const { clipped, norm } = clipByNorm([...gradients.values()], this.settings.max_grad_norm);
    this.optimizer.step(new Map(names.map((name, i) => [name, clipped[i]!])), [this.settings.lr]);
    for (const [buffer, value] of buffers) {
      buffer.value.assign(value);
      value.dispose();
    }
    const measured = (await norm.data())[0]!;
    tf.dispose([...gradients.values(), ...clipped, norm]);
    return { loss, norm: measured };
  }

  dispose(): void {
    this.optimizer.dispose();
  }
}
