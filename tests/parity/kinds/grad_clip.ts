/**
 * Gradient clipping as `torch.nn.utils` does it. The reference is float64 (tolerance 1e-12); ours runs on
 * float32 tensors, so what is allowed here is float32's rounding.
 */
import { openDevice, tf } from '../../../src/engine/index.ts';
import { clipByNorm, clipByValue } from '../../../src/training/index.ts';
import { type KindHandler, readJson, type Tolerance } from '../case.ts';
import { readTensors } from '../tensors.ts';

interface ClipCase {
  readonly name: string;
  readonly kind: 'norm' | 'value';
  readonly value: number;
  readonly norm_type: number | 'Infinity';
  readonly tensors: number;
  readonly total_norm: number | null;
}

const float32: Tolerance = { atol: 1e-15, rtol: 2e-6 };

export const gradClip: KindHandler = async (parityCase, report, options) => {
  await using device = await openDevice(options.device);
  const cases = await readJson<ClipCase[]>(parityCase, 'cases.json');
  const data = await readTensors(parityCase, 'data.safetensors');
  report.expect(...[...data.keys()].filter((name) => name.includes('.out')));
  for (const item of cases) {
    if (item.total_norm !== null) report.expect(`${item.name}.total_norm`);
    const gradients = Array.from({ length: item.tensors }, (_, i) => {
      const { shape, data: values } = data.get(`${item.name}.grad${i}`)!;
      return tf.tensor(Float32Array.from(values), [...shape]);
    });
    const result =
      item.kind === 'value'
        ? { clipped: clipByValue(gradients, item.value), norm: undefined }
        : clipByNorm(gradients, item.value, Number(item.norm_type));
    if (result.norm) {
      const norm = await device.read(result.norm);
      report.close(`${item.name}.total_norm`, norm, [item.total_norm!], float32);
    }
    for (const [i, tensor] of result.clipped.entries()) {
      const expected = data.get(`${item.name}.out${i}`)!;
      const actual = await device.read(tensor);
      const shapes = { actual: tensor.shape, expected: expected.shape };
      report.close(`${item.name}.out${i}`, actual, expected.data, float32, shapes);
    }
    tf.dispose([gradients, result.clipped, result.norm ?? []]);
  }
};
