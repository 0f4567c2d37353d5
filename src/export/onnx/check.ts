/**
 * The exported file against our own forward pass, on seeded inputs of sizes that were not recorded. An export
 * that differs by more than its tolerance is an error, not a file.
 */

import { type OnnxArray, type OnnxSession, openOnnxSession } from '#platform';
import { derive, RunError } from '../../core/index.ts';
import { tf } from '../../engine/index.ts';

export interface InputSize {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  /** The size of `pixel_mask`, for models that take one. */
  readonly mask?: readonly [height: number, width: number];
}

export type Forward = (inputs: Readonly<Record<string, tf.Tensor>>) => Readonly<Record<string, tf.Tensor>>;

/** Seeded pictures (standard normal), the last ones of a batch with padding at the right and the bottom. */
export function seededInputs(size: InputSize, seed: number): Record<string, OnnxArray> {
  const { batch, height, width, mask } = size;
  const random = derive(seed, 'export', batch, height, width);
  const pixels = Float32Array.from({ length: batch * 3 * height * width }, () => random.normal());
  const arrays: Record<string, OnnxArray> = {
    pixel_values: { data: pixels, shape: [batch, 3, height, width], dtype: 'float32' },
  };
  if (mask) {
    const [rows, columns] = mask;
    const data = BigInt64Array.from({ length: batch * rows * columns }, (_, i) => {
      const image = Math.floor(i / (rows * columns));
      const row = Math.floor(i / columns) % rows;
      const shown = image === 0 ? 1 : 0.75;
      return row < shown * rows && i % columns < shown * columns ? 1n : 0n;
    });
    arrays.pixel_mask = { data, shape: [batch, rows, columns], dtype: 'int64' };
  }
  return arrays;
}

/** The same as tensors; masks as the float32 that the forward pass takes. */
export function asTensors(arrays: Readonly<Record<string, OnnxArray>>): Record<string, tf.Tensor> {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, { data, shape }]) => [
      name,
      tf.tensor(Float32Array.from(data as ArrayLike<number | bigint>, Number), [...shape], 'float32'),
    ]),
  );
}

export interface CheckOptions {
  readonly sizes: readonly InputSize[];
  readonly seed: number;
  /** Of the largest difference, times max(1, |largest expected value|). */
  readonly tolerance: number;
}

/** The largest absolute difference over all outputs and sizes. */
export async function checkAgainstForward(
  model: Uint8Array,
  forward: Forward,
  { sizes, seed, tolerance }: CheckOptions,
): Promise<number> {
  const session = await openOnnxSession(model, { device: 'cpu' });
  try {
    let worst = 0;
    for (const size of sizes)
      worst = Math.max(worst, await checkSize(session, forward, size, seed, tolerance));
    return worst;
  } finally {
    await session.dispose();
  }
}

async function checkSize(
  session: OnnxSession,
  forward: Forward,
  size: InputSize,
  seed: number,
  tolerance: number,
): Promise<number> {
  const arrays = seededInputs(size, seed);
  const inputs = asTensors(arrays);
  const outputs = tf.tidy(() => ({ ...forward(inputs) }));
  try {
    const results = await session.run(arrays);
    let worst = 0;
    for (const [name, tensor] of Object.entries(outputs)) {
      const expected = await tensor.data();
      const actual = results[name];
      const where = `${name} at ${size.batch} × 3 × ${size.height} × ${size.width}`;
      if (actual?.shape.join() !== tensor.shape.join()) {
        throw mismatch(
          `${name} [${tensor.shape.join(', ')}]`,
          `[${actual?.shape.join(', ') ?? 'nothing'}] for ${where}`,
        );
      }
      let largest = 1;
      let difference = 0;
      for (let i = 0; i < expected.length; i++) {
        const error = Math.abs(Number(actual.data[i]) - expected[i]!);
        // A NaN on either side must not pass for agreement, nor stretch what is allowed.
        difference = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(difference, error);
        if (Number.isFinite(expected[i])) largest = Math.max(largest, Math.abs(expected[i]!));
      }
      worst = Math.max(worst, difference);
      if (difference > tolerance * largest) {
        throw mismatch(
          `outputs within ${tolerance} × ${largest.toPrecision(3)} of our own forward pass`,
          `max_abs=${difference.toPrecision(3)} for ${where}`,
        );
      }
    }
    return worst;
  } finally {
    for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) tensor.dispose();
  }
}

function mismatch(expected: string, received: string): RunError {
  return new RunError({
    code: 'export_differs',
    expected,
    received,
    fix: 'nothing was written; please report the model with this message (for fp16: export as fp32)',
  });
}
