/** Adagrad (Duchi et al., 2011) as `torch.optim.Adagrad`: the learning rate decays with 1 / (1 + (t − 1) lr_decay). */
import { tf } from '../../engine/index.ts';
import { type Algorithm, type OptimizerOptions, OptionReader } from './algorithm.ts';

export function adagrad(options: OptimizerOptions): Algorithm {
  const reader = new OptionReader('Adagrad', options);
  const rateDecay = reader.number('lr_decay', 0);
  const weightDecay = reader.number('weight_decay', 0);
  const initial = reader.number('initial_accumulator_value', 0);
  const eps = reader.number('eps', 1e-10);
  const maximize = reader.flag('maximize');
  reader.finish();
  return {
    name: 'Adagrad',
    weightDecay,
    slots: { sum: initial },
    scalars: ({ learningRate, weightDecay: decay, count }) => ({
      learning_rate: learningRate / (1 + (count - 1) * rateDecay),
      decay,
    }),
    update({ parameter, gradient, slots, scalars }) {
      let g = maximize ? tf.neg(gradient) : gradient;
      g = tf.add(g, tf.mul(parameter, scalars.decay!));
      const sum = tf.add(slots.sum!, tf.square(g));
      const direction = tf.div(g, tf.add(tf.sqrt(sum), eps));
      return { parameter: tf.sub(parameter, tf.mul(direction, scalars.learning_rate!)), slots: { sum } };
    },
  };
}
