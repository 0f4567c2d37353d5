/** Eager TensorFlow.js: the network of bench/plain, its gradients, `tf.train.adam`. */
import * as tf from '@tensorflow/tfjs-core';
import type { Batch } from '../../src/data/index.ts';
import type { HostArrays } from '../../src/tasks/index.ts';
import type { OcelliNetwork } from '../networks/ocelli.ts';
import { type NamedWeights, permute } from '../networks/weights.ts';
import { Weights } from '../plain/layers.ts';
import { plainNetworks } from '../plain/models.ts';
import type { Contender } from './contender.ts';
import { adamW, learningRate } from './hyperparameters.ts';

export const plainName = 'TensorFlow.js, eager';

/** @param targets of a detection network: the matching of the first step, given to the peer */
export function plainContender(
  network: OcelliNetwork,
  source: NamedWeights,
  batch: Batch,
  targets: HostArrays,
): Contender {
  const weights = new Weights(source);
  const loss = plainNetworks[network.name](weights);
  const optimizer = tf.train.adam(learningRate, adamW.beta1, adamW.beta2, adamW.epsilon);
  // It takes the pictures in its own layout from the start.
  const pixels = permute({ shape: batch.shape, data: batch.pixelValues }, [0, 2, 3, 1]);
  return {
    name: plainName,
    async step() {
      const images = tf.tensor4d(pixels.data.slice(), pixels.shape as [number, number, number, number]);
      const uploaded = Object.fromEntries(
        Object.entries(targets).map(([name, { shape, data }]) => [
          name,
          tf.tensor(data.slice(), [...shape], data instanceof Int32Array ? 'int32' : 'float32'),
        ]),
      );
      const value = optimizer.minimize(() => loss(images, uploaded), true, weights.variables)!;
      const numbers = await value.data();
      tf.dispose([images, value, uploaded]);
      return numbers[0]!;
    },
    dispose() {
      optimizer.dispose();
      weights.dispose();
    },
  };
}
