/**
 * Gradient clipping, as `torch.nn.utils`: by the norm of all gradients together (factor
 * min(1, limit / (norm + 1e-6)): exactly at the limit they still shrink a little), or element by element.
 */
import { ops, tf } from '../engine/index.ts';

export interface GradientClip {
  readonly kind: 'norm' | 'value';
  readonly limit: number;
}

/** The p-norm of the vector of per-tensor p-norms; `Infinity` gives the largest magnitude. A scalar. */
export function totalNorm(gradients: readonly tf.Tensor[], normType = 2): tf.Scalar {
  if (gradients.length === 0) return tf.scalar(0);
  return tf.tidy(() => {
    if (normType === Number.POSITIVE_INFINITY) {
      return tf.max(tf.stack(gradients.map((gradient) => tf.max(tf.abs(gradient)))));
    }
    if (normType === 1) {
      return tf.sum(tf.stack(gradients.map((gradient) => tf.sum(tf.abs(gradient)))));
    }
    if (normType === 2) {
      return tf.sqrt(tf.sum(tf.stack(gradients.map(ops.sumOfSquares))));
    }
    const powers = gradients.map((gradient) => tf.sum(tf.pow(tf.abs(gradient), normType)));
    return tf.pow(tf.sum(tf.stack(powers)), 1 / normType);
  }) as tf.Scalar;
}

/** The factor that brings gradients of this norm below `limit`. A scalar. */
export function clipFactor(norm: tf.Tensor, limit: number): tf.Scalar {
  return tf.tidy(() => tf.minimum(1, tf.div(limit, tf.add(norm, 1e-6)))) as tf.Scalar;
}

/** New tensors, scaled together; `norm` is that before clipping. */
export function clipByNorm(
  gradients: readonly tf.Tensor[],
  limit: number,
  normType = 2,
): { clipped: tf.Tensor[]; norm: tf.Scalar } {
  return tf.tidy(() => {
    const norm = totalNorm(gradients, normType);
    const factor = clipFactor(norm, limit);
    return { clipped: gradients.map((gradient) => tf.mul(gradient, factor)), norm };
  });
}

/** New tensors with every element in [−limit, limit]. */
export function clipByValue(gradients: readonly tf.Tensor[], limit: number): tf.Tensor[] {
  return gradients.map((gradient) => tf.clipByValue(gradient, -limit, limit));
}
