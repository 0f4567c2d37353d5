/**
 * Heatmap regression (Xiao et al., arXiv:1804.06208): the mean squared error between predicted heatmaps and
 * Gaussians at the keypoints. A keypoint that is not visible weighs 0, yet counts in the mean, so that an image
 * with few visible keypoints has a small loss. Transformers has no loss for these models.
 */
import { tf } from '../../engine/index.ts';
import type { Loss, ModelOutputs } from '../types.ts';

/**
 * @param outputs `heatmaps` [batch, keypoints, rows, columns]
 * @param targets `target_heatmaps` like them; `target_weight` [batch, keypoints], 1 where a keypoint is visible,
 *   else 0; `weight` [batch], 0 for rows that only fill up the batch, else 1
 */
export function heatmapLoss(
  { heatmaps }: ModelOutputs,
  { target_heatmaps: wanted, target_weight: visible, weight }: Readonly<Record<string, tf.Tensor>>,
): Loss {
  const [batch, keypoints, rows, columns] = heatmaps!.shape as [number, number, number, number];
  const perMap = tf.mul(visible!, tf.reshape(weight!, [batch, 1]));
  const error = tf.mul(tf.sub(heatmaps!, wanted!), tf.reshape(perMap, [batch, keypoints, 1, 1]));
  const elements = tf.mul(tf.sum(weight!), keypoints * rows * columns);
  const total = tf.div(tf.sum(tf.square(error)), elements);
  return { total, parts: { heatmap_mse: total } };
}
