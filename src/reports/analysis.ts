/**
 * What a task's part of a report consists of: sections of the page, findings in sentences, numbers for
 * metrics.json, tables as CSV, and which pictures to show. One function per task makes one (detection.ts,
 * classification.ts), so that the page needs to know no task.
 */
import type { SafeHtml } from './html.ts';
import type { Section } from './parts.ts';
import type { ReportImage, ReportPicture } from './types.ts';

export interface Analysis {
  /** The headline numbers: label, value, a word of explanation. */
  readonly tiles: readonly { readonly label: string; readonly value: string; readonly note: string }[];
  /** Sentences that say what stands out, most important first. */
  readonly findings: readonly string[];
  readonly sections: readonly Section[];
  /** Images per class of the split, for the data summary: true instances. */
  readonly support: readonly { readonly name: string; readonly count: number }[];
  /** For metrics.json, beside `metrics`. */
  readonly numbers: Readonly<Record<string, unknown>>;
  readonly tables: ReadonlyMap<string, string>;
  readonly samples: readonly ReportImage[];
  readonly worst: readonly ReportImage[];
  picture(image: ReportImage, picture: ReportPicture): SafeHtml;
}

/** `count` items spread evenly over the list. */
export function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.floor(((i + 0.5) * items.length) / count)]!);
}
