/**
 * Adam (Kingma & Ba, 2015) with its variants as in `torch.optim`: L2 weight decay added to the gradient, or
 * decoupled from it (AdamW, Loshchilov & Hutter, 2019); AMSGrad (Reddi et al., 2018) takes the largest raw
 * second moment so far.
 *
 *   m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
 *   p ← p − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 */
import { ops, tf } from '../../engine/index.ts';
import { type Algorithm, type OptimizerOptions, OptionReader } from './algorithm.ts';

export function adam(options: OptimizerOptions): Algorithm {
  return adamLike('Adam', options, false);
}

export function adamW(options: OptimizerOptions): Algorithm {
  return adamLike('AdamW', options, true);
}

function adamLike(name: string, options: OptimizerOptions, decoupledByDefault: boolean): Algorithm {
  const reader = new OptionReader(name, options);
  const [beta1, beta2] = reader.pair('betas', [0.9, 0.999]);
  const eps = reader.number('eps', 1e-8);
  const weightDecay = reader.number('weight_decay', decoupledByDefault ? 0.01 : 0);
  const amsgrad = reader.flag('amsgrad');
  const maximize = reader.flag('maximize');
  const decoupled = decoupledByDefault || reader.flag('decoupled_weight_decay');
  reader.finish();
  return {
    name,
    weightDecay,
    slots: amsgrad ? { exp_avg: 0, exp_avg_sq: 0, max_exp_avg_sq: 0 } : { exp_avg: 0, exp_avg_sq: 0 },
    scalars: ({ learningRate, weightDecay: decay, count }) => ({
      step_size: learningRate / (1 - beta1 ** count),
      inverse_root: 1 / Math.sqrt(1 - beta2 ** count),
      decay: decoupled ? 1 - learningRate * decay : decay,
    }),
    update({ parameter, gradient, slots, scalars }) {
      const decay = scalars.decay!;
      if (!amsgrad) {
        const { step_size: stepSize, inverse_root: inverseRoot } = scalars as Record<string, tf.Tensor>;
        const { exp_avg: mean, exp_avg_sq: square } = slots as Record<string, tf.Tensor>;
        const moved = ops.adamStep(
          {
            parameter,
            gradient,
            mean: mean!,
            square: square!,
            stepSize: stepSize!,
            inverseRoot: inverseRoot!,
            decay,
          },
          { beta1, beta2, epsilon: eps, decoupled, maximize },
        );
        return { parameter: moved.parameter, slots: { exp_avg: moved.mean, exp_avg_sq: moved.square } };
      }
      let g = maximize ? tf.neg(gradient) : gradient;
      if (!decoupled) g = tf.add(g, tf.mul(parameter, decay));
      const mean = tf.add(tf.mul(slots.exp_avg!, beta1), tf.mul(g, 1 - beta1));
      const square = tf.add(tf.mul(slots.exp_avg_sq!, beta2), tf.mul(tf.square(g), 1 - beta2));
      const largest = tf.maximum(slots.max_exp_avg_sq!, square);
      const denominator = tf.add(tf.mul(tf.sqrt(largest), scalars.inverse_root!), eps);
      const decayed = decoupled ? tf.mul(parameter, decay) : parameter;
      return {
        parameter: tf.sub(decayed, tf.mul(tf.div(mean, denominator), scalars.step_size!)),
        slots: { exp_avg: mean, exp_avg_sq: square, max_exp_avg_sq: largest },
      };
    },
  };
}
