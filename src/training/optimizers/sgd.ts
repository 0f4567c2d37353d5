/**
 * Stochastic gradient descent with momentum, dampening and Nesterov's look-ahead, as `torch.optim.SGD`: the
 * first momentum buffer is the gradient itself, undampened.
 */
import { ConfigError } from '../../core/index.ts';
import { tf } from '../../engine/index.ts';
import { type Algorithm, type OptimizerOptions, OptionReader } from './algorithm.ts';

export function sgd(options: OptimizerOptions): Algorithm {
  const reader = new OptionReader('SGD', options);
  const momentum = reader.number('momentum', 0);
  const dampening = reader.number('dampening', 0);
  const weightDecay = reader.number('weight_decay', 0);
  const nesterov = reader.flag('nesterov');
  const maximize = reader.flag('maximize');
  reader.finish();
  if (nesterov && (momentum <= 0 || dampening !== 0)) {
    throw new ConfigError({
      code: 'invalid_optimizer_option',
      expected: 'momentum above 0 and dampening 0 together with nesterov',
      received: `momentum=${momentum}, dampening=${dampening}`,
      fix: 'set training.optimizer_params.momentum (0.9 is usual), or turn nesterov off',
    });
  }
  return {
    name: 'SGD',
    weightDecay,
    slots: momentum > 0 ? { momentum_buffer: 0 } : {},
    scalars: ({ learningRate, weightDecay: decay, count }) => ({
      learning_rate: learningRate,
      decay,
      ...(momentum > 0 ? { gradient_share: count === 1 ? 1 : 1 - dampening } : {}),
    }),
    update({ parameter, gradient, slots, scalars }) {
      let g = maximize ? tf.neg(gradient) : gradient;
      g = tf.add(g, tf.mul(parameter, scalars.decay!));
      if (momentum === 0) {
        return { parameter: tf.sub(parameter, tf.mul(g, scalars.learning_rate!)), slots: {} };
      }
      const buffer = tf.add(tf.mul(slots.momentum_buffer!, momentum), tf.mul(g, scalars.gradient_share!));
      const direction = nesterov ? tf.add(g, tf.mul(buffer, momentum)) : buffer;
      return {
        parameter: tf.sub(parameter, tf.mul(direction, scalars.learning_rate!)),
        slots: { momentum_buffer: buffer },
      };
    },
  };
}
