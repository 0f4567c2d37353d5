/** Optimisers by their recipe names. A plugin adds a row with `registerOptimizer`. */
import { acceptOptimizer } from '../../config/index.ts';
import { ConfigError } from '../../core/index.ts';
import { adagrad } from './adagrad.ts';
import { adam, adamW } from './adam.ts';
import type { Algorithm, OptimizerOptions } from './algorithm.ts';
import { rmsprop } from './rmsprop.ts';
import { sgd } from './sgd.ts';

export type { Algorithm, OptimizerOptions, ScalarContext, UpdateInputs, UpdateResult } from './algorithm.ts';
export {
  type NamedVariable,
  Optimizer,
  type OptimizerCounters,
  type ParameterGroup,
  type StepScalars,
  scalarTensors,
} from './optimizer.ts';

type MakeAlgorithm = (options: OptimizerOptions) => Algorithm;

const algorithms = new Map<string, MakeAlgorithm>([
  ['adamw', adamW],
  ['adam', adam],
  ['sgd', sgd],
  ['rmsprop', rmsprop],
  ['adagrad', adagrad],
]);

/** From now on `training.optimizer` may name it; its `optimizer_params` reach `make` as they are. */
export function registerOptimizer(name: string, make: MakeAlgorithm): void {
  algorithms.set(name.toLowerCase(), make);
  acceptOptimizer(name);
}

export function optimizerNames(): string[] {
  return [...algorithms.keys()];
}

/** The algorithm of a name (upper and lower case alike) with torch's options; an unknown option is an error. */
export function createAlgorithm(name: string, options: OptimizerOptions = {}): Algorithm {
  const make = algorithms.get(name.toLowerCase());
  if (!make) {
    throw new ConfigError({
      code: 'unknown_optimizer',
      expected: `one of the optimisers ${optimizerNames().join(', ')}`,
      received: `training.optimizer=${name}`,
      fix: 'choose a known optimiser (adamw is the default)',
    });
  }
  return make(options);
}
