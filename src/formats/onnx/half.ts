/** Halves as ONNX files hold them: what is too large becomes the largest finite half, so that no weight is infinite. */
import { toHalf } from '../../core/index.ts';

const largestHalf = 65504;

export function finiteHalf(value: number): number {
  return toHalf(Math.max(-largestHalf, Math.min(largestHalf, value)));
}

export function finiteHalves(values: ArrayLike<number>): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = finiteHalf(values[i]!);
  return halves;
}
