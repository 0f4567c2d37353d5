/**
 * Which parameters train, and how: frozen ones by globs of their names, the backbone at a fraction of the
 * learning rate, norms and biases without weight decay where the recipe asks for it.
 */
import picomatch from 'picomatch';
import { ConfigError } from '../core/index.ts';
import type { Module, Parameter } from '../nn/index.ts';
import type { ParameterGroup } from './optimizers/index.ts';
import type { TrainableModel } from './types.ts';

export interface GroupSettings {
  readonly backboneLearningRateFactor: number;
  readonly weightDecay: number;
  /** Tensors of one dimension (norms, biases, scales) don't decay. */
  readonly noDecayNormBias: boolean;
}

/** Switches off the gradients of parameters whose names match. A glob that matches nothing is an error. */
export function freeze(model: Module, globs: readonly string[]): void {
  const parameters = [...model.parameters()];
  for (const glob of globs) {
    const matches = picomatch(glob, { dot: true });
    const matching = parameters.filter(([name]) => matches(name));
    if (matching.length === 0) {
      throw new ConfigError({
        code: 'freeze_matches_nothing',
        expected: 'globs of parameter names in model.freeze',
        received: `${glob}, which matches none of ${parameters.length} names such as ${parameters[0]?.[0]}`,
        fix: 'use the names of the checkpoint, for example "vit.embeddings.*" or "model.backbone.**"',
      });
    }
    for (const [, parameter] of matching) parameter.requiresGrad = false;
  }
}

/** The trainable parameters in up to four groups: backbone or head, with decay or without. */
export function parameterGroups(model: TrainableModel, settings: GroupSettings): ParameterGroup[] {
  const trainable = [...model.parameters()].filter(([, parameter]) => parameter.requiresGrad);
  if (trainable.length === 0) {
    throw new ConfigError({
      code: 'nothing_to_train',
      expected: 'at least one parameter that is not frozen',
      received: 'model.freeze matches all of them',
      fix: 'freeze fewer parameters',
    });
  }
  const isBackbone =
    settings.backboneLearningRateFactor === 1
      ? () => false
      : (name: string) => model.isBackbone?.(name) ?? /(^|\.)backbone\./.test(name);
  const decays = ([, parameter]: [string, Parameter]): boolean =>
    !settings.noDecayNormBias || parameter.shape.length > 1;
  const groups: ParameterGroup[] = [];
  for (const backbone of [true, false]) {
    for (const decay of [true, false]) {
      const members = trainable.filter(
        (entry) => isBackbone(entry[0]) === backbone && decays(entry) === decay,
      );
      if (members.length === 0) continue;
      groups.push({
        name: `${backbone ? 'backbone' : 'model'}${decay ? '' : ', no decay'}`,
        parameters: members.map(([name, parameter]) => ({ name, variable: parameter.value })),
        learningRateFactor: backbone ? settings.backboneLearningRateFactor : 1,
        weightDecay: decay ? settings.weightDecay : 0,
      });
    }
  }
  return groups;
}
