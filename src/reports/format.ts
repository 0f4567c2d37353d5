/** Numbers as people read them. */
import { grouped } from '../core/index.ts';

/** A share 0 … 1 as a percentage: 0.4567 → "45.7%". */
export function percent(value: number | null | undefined, digits = 1): string {
  return value === null || value === undefined ? '–' : `${(100 * value).toFixed(digits)}%`;
}

/** A metric with three digits; small ones with their magnitude. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  // Precision of 1 comes as 0.9999999999999999 from COCO's formula.
  if (Math.abs(value - Math.round(value)) < 1e-9) return grouped(Math.round(value));
  const size = Math.abs(value);
  if (size >= 1000) return grouped(Math.round(value));
  if (size >= 100) return value.toFixed(1);
  // 0.9998 must not look like 1.
  if (size > 0.9995 && size < 1) return value.toFixed(4);
  if (size >= 0.001) return value.toFixed(3);
  return value.toExponential(2);
}

export function duration(ms: number): string {
  if (ms < 1000) return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function bytes(value: number): string {
  if (value < 1e6) return `${(value / 1e3).toFixed(0)} kB`;
  return value < 1e9 ? `${(value / 1e6).toFixed(0)} MB` : `${(value / 1e9).toFixed(2)} GB`;
}

/** The value below which `share` of the values lie (linear between neighbours). */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const low = Math.floor(position);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (position - low);
}
