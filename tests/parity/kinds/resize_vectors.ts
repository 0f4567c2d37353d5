/** Small arrays resized with every filter of Pillow: byte for byte. Two dimensions are one channel. */
import { type Filter, filtersByCode, resizeBytes } from '../../../src/vision/index.ts';
import { type KindHandler, readJson } from '../case.ts';
import { readTensors } from '../tensors.ts';

interface Vector {
  readonly input: string;
  readonly output: string;
  readonly filter: Filter;
  readonly pil_code: number;
  readonly out_hw: readonly [number, number];
}

export const resizeVectors: KindHandler = async (parityCase, report) => {
  const vectors = await readJson<Vector[]>(parityCase, 'cases.json');
  const tensors = await readTensors(parityCase, 'data.safetensors');
  const inputs = new Set(vectors.map((vector) => vector.input));
  report.expect(...[...tensors.keys()].filter((name) => !inputs.has(name)));
  for (const { input, output, filter, pil_code, out_hw } of vectors) {
    report.equal(`${output}.pil_code`, filtersByCode[pil_code], filter);
    const { shape, data } = tensors.get(input)!;
    const [height, width, channels = 1] = shape as [number, number, number?];
    const [outHeight, outWidth] = out_hw;
    const resized = resizeBytes(
      Uint8Array.from(data),
      { height, width },
      channels,
      { height: outHeight, width: outWidth },
      filter,
    );
    const expected = tensors.get(output)!;
    report.close(
      output,
      resized,
      expected.data,
      { atol: 0 },
      {
        actual: shape.length === 3 ? [outHeight, outWidth, channels] : [outHeight, outWidth],
        expected: expected.shape,
      },
    );
  }
};
