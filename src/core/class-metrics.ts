/**
 * Metrics per class are named by the data set's category id (`val_map_class_3`): an id can be written in a recipe, and
 * stays when a class is renamed. People read the class's name: here is the way from one to the other. Every data set has
 * ids of its own, so a metric has to be read with the classes of its own run.
 */
import { ClassMap } from './class-map.ts';
import type { RunEventOf } from './events.ts';

export interface ClassMetric {
  /** What was measured: `val_map`. */
  readonly measure: string;
  readonly className: string;
}

/** `val_map_class_3` → `val_map` of `cat`; undefined for metrics of no class, and of one that `classes` does not have. */
export function classMetric(metric: string, classes: ClassMap | undefined): ClassMetric | undefined {
  const [, measure, id] = /^(.+)_class_(\d+)$/.exec(metric) ?? [];
  const label = classes?.labelOf(Number(id));
  if (measure === undefined || label === undefined) return undefined;
  return { measure, className: classes!.names[label]! };
}

/** `val_map_class_3 (cat)`: as recipes and files name it, and which class that is. */
export function withClassName(metric: string, classes: ClassMap | undefined): string {
  const known = classMetric(metric, classes);
  return known ? `${metric} (${known.className})` : metric;
}

/** The classes by their ids, as a run told them; undefined for logs from before the ids were told. */
export function classesOfData({
  classes,
  categoryIds,
}: Pick<RunEventOf<'data_ready'>, 'classes' | 'categoryIds'>): ClassMap | undefined {
  if (categoryIds?.length !== classes.length) return undefined;
  return new ClassMap(classes.map((name, label) => ({ id: categoryIds[label]!, name })));
}
