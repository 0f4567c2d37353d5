/**
 * RMSprop (Hinton, 2012), centred (Graves, 2013) and with momentum, as `torch.optim.RMSprop`: ε is added after
 * the root.
 */
import { tf } from '../../engine/index.ts';
import { type Algorithm, type OptimizerOptions, OptionReader } from './algorithm.ts';

export function rmsprop(options: OptimizerOptions): Algorithm {
  const reader = new OptionReader('RMSprop', options);
  const alpha = reader.number('alpha', 0.99);
  const eps = reader.number('eps', 1e-8);
  const weightDecay = reader.number('weight_decay', 0);
  const momentum = reader.number('momentum', 0);
  const centered = reader.flag('centered');
  const maximize = reader.flag('maximize');
  reader.finish();
  return {
    name: 'RMSprop',
    weightDecay,
    slots: {
      square_avg: 0,
      ...(centered ? { grad_avg: 0 } : {}),
      ...(momentum > 0 ? { momentum_buffer: 0 } : {}),
    },
    scalars: ({ learningRate, weightDecay: decay }) => ({ learning_rate: learningRate, decay }),
    update({ parameter, gradient, slots, scalars }) {
      let g = maximize ? tf.neg(gradient) : gradient;
      g = tf.add(g, tf.mul(parameter, scalars.decay!));
      const square = tf.add(tf.mul(slots.square_avg!, alpha), tf.mul(tf.square(g), 1 - alpha));
      const mean = centered ? tf.add(tf.mul(slots.grad_avg!, alpha), tf.mul(g, 1 - alpha)) : undefined;
      // E[g²] − E[g]² is not negative, but its rounding can be.
      const variance = mean ? tf.relu(tf.sub(square, tf.square(mean))) : square;
      const scaled = tf.div(g, tf.add(tf.sqrt(variance), eps));
      const direction = momentum > 0 ? tf.add(tf.mul(slots.momentum_buffer!, momentum), scaled) : scaled;
      return {
        parameter: tf.sub(parameter, tf.mul(direction, scalars.learning_rate!)),
        slots: {
          square_avg: square,
          ...(mean ? { grad_avg: mean } : {}),
          ...(momentum > 0 ? { momentum_buffer: direction } : {}),
        },
      };
    },
  };
}
