/** `torch.nn.functional.interpolate` of [C, H, W] arrays: every mode, enlarging and shrinking. */
import { type InterpolateMode, openDevice, ops, tf } from '../../../src/engine/index.ts';
import { memorySource, openSafetensors } from '../../../src/formats/safetensors/index.ts';
import { type KindHandler, readBytes, readJson } from '../case.ts';

interface InterpolateCase {
  readonly input: string;
  readonly output: string;
  readonly size: readonly [height: number, width: number];
  readonly mode: InterpolateMode;
  readonly align_corners?: boolean;
  readonly antialias?: boolean;
}

export const interpolateVectors: KindHandler = async (parityCase, report, options) => {
  const cases = await readJson<InterpolateCase[]>(parityCase, 'cases.json');
  const data = await openSafetensors(
    memorySource('data.safetensors', await readBytes(parityCase, 'data.safetensors')),
  );
  report.expect(...cases.map(({ output }) => output));
  await using device = await openDevice(options.device);
  for (const item of cases) {
    const [channels, height, width] = data.tensors.get(item.input)!.shape as [number, number, number];
    const image = tf.tensor(await data.read(item.input), [1, channels, height, width]);
    const result = tf.tidy(() => {
      const resized = ops.interpolate(tf.transpose(image, [0, 2, 3, 1]), {
        size: item.size,
        mode: item.mode,
        alignCorners: item.align_corners ?? false,
        antialias: item.antialias ?? false,
      });
      return tf.squeeze(tf.transpose(resized, [0, 3, 1, 2]), [0]);
    });
    // A pixel that is copied must be the same pixel; mixtures may round differently.
    const atol = item.mode.startsWith('nearest') ? 0 : 1e-5;
    const expected = await data.read(item.output);
    const shapes = { actual: result.shape, expected: data.tensors.get(item.output)!.shape };
    report.close(item.output, await device.read(result), expected, { atol }, shapes);
    tf.dispose([image, result]);
  }
};
