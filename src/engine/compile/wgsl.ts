/** Spelling of numbers and small helpers in WGSL. */
import type { GraphDtype } from '../graph/index.ts';
import type { Scope } from './scope.ts';

/** The type of an element in expressions. */
export const wgslType = (dtype: GraphDtype): 'f32' | 'i32' | 'bool' =>
  dtype === 'float32' ? 'f32' : dtype === 'int32' ? 'i32' : 'bool';

/** An f32 of a finite number, rounded as Math.fround does. */
export function float(value: number): string {
  const rounded = Math.fround(value);
  const text = String(rounded);
  const spelled = /[.e]/.test(text) ? text : `${text}.0`;
  return rounded < 0 ? `(${spelled})` : spelled;
}

/** A literal of any number and type; infinities and NaN are made at run time, since WGSL has none. */
export function literal(scope: Scope, value: number, dtype: GraphDtype): string {
  if (dtype === 'bool') return value ? 'true' : 'false';
  if (dtype === 'int32') return int(value);
  const rounded = Math.fround(value);
  if (Number.isFinite(rounded)) return float(rounded);
  scope.helper('special', 'var<private> special: u32 = 0x7f800000u;');
  if (Number.isNaN(rounded)) return 'bitcast<f32>(special | 0x400000u)';
  return rounded > 0 ? 'bitcast<f32>(special)' : 'bitcast<f32>(special | 0x80000000u)';
}

/** An i32; the smallest has no literal. */
export function int(value: number): string {
  const whole = Math.trunc(value) | 0;
  if (whole === -2147483648) return '(-2147483647 - 1)';
  return whole < 0 ? `(${whole})` : String(whole);
}
