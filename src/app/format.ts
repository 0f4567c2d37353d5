/** Numbers for people, the same everywhere in the app. */
import { counted } from '../core/index.ts';
import { isLoss, partsOf } from './class-metrics.ts';

export const percentOf = (share: number): string => `${Math.floor(share * 100)} %`;

/** `3 s`, `4 min 10 s`, `2 h 5 min`. */
export function durationOf(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min${seconds % 60 > 0 && minutes < 10 ? ` ${seconds % 60} s` : ''}`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'];

/** `1.4 MB`: powers of 1000, as systems show files. */
export function bytesOf(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.round(value) >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value >= 99.95 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Three significant digits; powers of ten where they are shorter. */
export function numberOf(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e6) return value.toExponential(1).replace('e-', 'e−').replace('e+', 'e');
  if (size >= 999.5) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

export const countOf = (count: number): string => count.toLocaleString('en');

/** How long a recipe trains: `4 epochs`, `at most 200 steps`. */
export function lengthOf({
  training: { max_epochs, max_steps },
}: {
  readonly training: { readonly max_epochs: number; readonly max_steps?: number | null | undefined };
}): string {
  return max_steps ? `at most ${counted(max_steps, 'step')}` : counted(max_epochs, 'epoch');
}

/** Always one decimal, so that a column of them aligns. */
export const shareOf = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Scores as percent, losses as they are. */
export function metricOf(name: string, value: number): string {
  return isLoss(name) ? numberOf(value) : shareOf(value);
}

/** `val_map_50` → `mAP 50`, `val_map of cat` → `mAP of cat`: metrics as headings, short forms as people write them. */
export function metricName(name: string): string {
  const { measure, ofClass } = partsOf(name);
  const [first, ...rest] = measure.replace(/^(val|test|train)_/, '').split('_');
  return [shortForms[first!] ?? first, ...rest].join(' ') + ofClass;
}

const shortForms: Readonly<Record<string, string>> = { map: 'mAP', mar: 'mAR', f1: 'F1', auc: 'AUC' };
