/**
 * Metrics per class by the class's name. A run names them by category ids (`val_map_class_3`), and every data set has ids of its
 * own: 3 may be a cat in one run and a dog in the next. Side by side, and for people, they are `val_map of cat`.
 */
import { type ClassMap, classMetric, type Metrics } from '../core/index.ts';

const between = ' of ';

/** `val_map_class_3` → `val_map of cat`; as it is where the class is not known, or shares its name with another of its run. */
export function namedMetric(metric: string, classes: ClassMap | undefined): string {
  const known = classMetric(metric, classes);
  if (!known || !isUnique(known.className, classes!)) return metric;
  return `${known.measure}${between}${known.className}`;
}

export function namedMetrics(metrics: Metrics, classes: ClassMap | undefined): Metrics {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, value]) => [namedMetric(name, classes), value]),
  );
}

/** What was measured, and of which class: names of classes may look like names of metrics. */
export function partsOf(metric: string): { readonly measure: string; readonly ofClass: string } {
  const at = metric.indexOf(between);
  return at < 0
    ? { measure: metric, ofClass: '' }
    : { measure: metric.slice(0, at), ofClass: metric.slice(at) };
}

/** Smaller is better, and it is no share. */
export const isLoss = (metric: string): boolean => /loss|error/.test(partsOf(metric).measure);

const isUnique = (name: string, { names }: ClassMap): boolean =>
  names.indexOf(name) === names.lastIndexOf(name);
