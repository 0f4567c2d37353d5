/**
 * The exponential moving average of weights. The reference is float64 (tolerance 1e-12); ours runs on float32
 * tensors, so what is allowed here is float32's rounding over the updates.
 */
import { openDevice, tf } from '../../../src/engine/index.ts';
import { WeightAverage } from '../../../src/training/index.ts';
import type { KindHandler } from '../case.ts';
import { readTensors, row } from '../tensors.ts';

export const ema: KindHandler = async (parityCase, report, options) => {
  await using device = await openDevice(options.device);
  const { weights, ema: expected } = Object.fromEntries(await readTensors(parityCase, 'data.safetensors'));
  const decay = Number(/decay ([\d.]+)/.exec(String(parityCase.readme.what))?.[1]);
  const updates = expected!.shape[0]!;
  for (let step = 1; step <= updates; step++) report.expect(`ema.${step}`);
  const weight = tf.variable(tf.tensor1d([...row(weights!, 0)]));
  const average = new WeightAverage([{ name: 'weight', variable: weight }], decay);
  for (let step = 1; step <= updates; step++) {
    tf.tidy(() => weight.assign(tf.tensor1d([...row(weights!, step)])));
    average.update(step);
    const [[, tensor]] = [...average.tensors()] as [[string, tf.Variable]];
    report.close(`ema.${step}`, await device.read(tensor), row(expected!, step - 1), {
      atol: 2e-7,
      rtol: 2e-6,
    });
  }
  average.dispose();
  weight.dispose();
};
