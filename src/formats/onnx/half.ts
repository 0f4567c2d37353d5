/** IEEE 754 half precision as bits, rounded to nearest even; what is too large becomes the largest finite half. */

const largestHalf = 65504;
const floatBits = new Float32Array(1);
const intBits = new Uint32Array(floatBits.buffer);

export function toHalfBits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  floatBits[0] = Math.max(-largestHalf, Math.min(largestHalf, value));
  const bits = intBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15;
  let mantissa = bits & 0x7fffff;
  if (exponent <= 0) {
    // Subnormal: shift the mantissa with its hidden one to the right, keeping what is needed to round.
    if (exponent < -10) return sign;
    mantissa |= 0x800000;
    const shift = 14 - exponent;
    return sign | roundShift(mantissa, shift);
  }
  return sign | ((exponent << 10) + roundShift(mantissa, 13));
}

export function fromHalfBits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

export function toHalf(values: ArrayLike<number>): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = toHalfBits(values[i]!);
  return halves;
}

function roundShift(value: number, shift: number): number {
  const kept = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && kept & 1) ? kept + 1 : kept;
}
