import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Device, openDevice, Tape, tf } from '../../engine/index.ts';
import { heatmapLoss } from './loss.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu');
});
afterAll(() => device.dispose());

/** Two images, two keypoints, maps of 1 × 2. */
const maps = (...values: number[]): tf.Tensor => tf.tensor4d(values, [2, 2, 1, 2]);
const predicted = (): tf.Tensor => maps(1, 2, 3, 4, 5, 6, 7, 8);
const wanted = (): tf.Tensor => maps(0, 0, 1, 1, 5, 5, 0, 0);
const pairs = (...values: number[]): tf.Tensor => tf.tensor2d(values, [2, 2]);

async function lossOf(visible: tf.Tensor, weight: number[]): Promise<number> {
  const targets = { target_heatmaps: wanted(), target_weight: visible, weight: tf.tensor1d(weight) };
  const { total, parts } = heatmapLoss({ heatmaps: predicted() }, targets);
  expect(parts.heatmap_mse).toBe(total);
  return (await total.data())[0]!;
}

test('is the mean over all elements of the squared, weighted error', async () => {
  // 1 + 4, 4 + 9, 0 + 1, 49 + 64
  expect(await lossOf(pairs(1, 1, 1, 1), [1, 1])).toBeCloseTo((5 + 13 + 1 + 113) / 8, 5);
});

test('leaves out keypoints that are not visible, but counts them in the mean', async () => {
  expect(await lossOf(pairs(1, 0, 1, 0), [1, 1])).toBeCloseTo((5 + 1) / 8, 5);
});

test('does not see rows that only fill up the batch', async () => {
  expect(await lossOf(pairs(1, 1, 1, 1), [1, 0])).toBeCloseTo((5 + 13) / 4, 5);
});

test('pulls on visible keypoints alone', async () => {
  const heatmaps = tf.variable(predicted());
  using tape = new Tape();
  const targets = {
    target_heatmaps: wanted(),
    target_weight: pairs(1, 0, 0, 1),
    weight: tf.tensor1d([1, 1]),
  };
  const [gradient] = tape.gradients(heatmapLoss({ heatmaps }, targets).total, [heatmaps]);
  expect([...(await gradient!.data())]).toEqual([2, 4, 0, 0, 0, 0, 14, 16].map((value) => value / 8));
});
