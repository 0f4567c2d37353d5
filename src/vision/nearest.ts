/**
 * Pillow's nearest neighbour. Source positions start at half a step and are found by adding the step again
 * and again in double precision; `(i + 0.5) * scale` gives other pixels for some sizes (4 to 15).
 */
import type { Size } from '../core/index.ts';

function sourcePositions(input: number, output: number): Int32Array {
  const scale = input / output;
  const positions = new Int32Array(output);
  let position = scale * 0.5;
  for (let i = 0; i < output; i++) {
    positions[i] = Math.trunc(position);
    position += scale;
  }
  return positions;
}

/** Bytes with interleaved channels in another size. Values are only copied: fit for ids and masks. */
export function resizeNearest(data: Uint8Array, from: Size, channels: number, to: Size): Uint8Array {
  const rows = sourcePositions(from.height, to.height);
  const columns = sourcePositions(from.width, to.width);
  const result = new Uint8Array(to.height * to.width * channels);
  let o = 0;
  for (let y = 0; y < to.height; y++) {
    const row = rows[y]! * from.width;
    for (let x = 0; x < to.width; x++) {
      const p = (row + columns[x]!) * channels;
      for (let c = 0; c < channels; c++) result[o++] = data[p + c]!;
    }
  }
  return result;
}
