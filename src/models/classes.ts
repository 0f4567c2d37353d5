/**
 * A checkpoint's classes and those of the data. They are matched by name: the head's rows of known classes are
 * carried over, the others start fresh, and both counts are said. DETR's row for "no object" stays the last.
 */
import { type ClassMap, categoryIdsField } from '../core/index.ts';
import type { ClassHead, HfConfig } from './types.ts';

export { classesOf } from '../core/index.ts';

/** The config for these classes. */
export function withClasses(config: HfConfig, classes: ClassMap): HfConfig {
  const { num_labels: _, [categoryIdsField]: __, ...rest } = config;
  const label2id = Object.fromEntries(classes.names.map((name, label) => [name, label]));
  const ids = classes.categories.map((category) => category.id);
  return {
    ...rest,
    model_type: config.model_type,
    id2label: classes.toId2Label(),
    label2id,
    ...(ids.some((id, label) => id !== label) ? { [categoryIdsField]: ids } : {}),
  };
}

/** For each new label the checkpoint's row of that name, the first where a name comes twice. */
export function matchClasses(from: ClassMap, to: ClassMap): readonly (number | undefined)[] {
  return to.names.map((name) => from.labelOfName(name));
}

/** Whether every class keeps its place, so that heads load as they are. */
export function sameOrder(from: ClassMap, to: ClassMap): boolean {
  return from.size === to.size && to.names.every((name, label) => from.names[label] === name);
}

/** A head's values for the new classes: rows of known ones from `values`, the rest from `fresh`. */
export function carryRows(
  values: Float32Array,
  fresh: Float32Array,
  rows: readonly (number | undefined)[],
  fromCount: number,
  { extraRows }: ClassHead,
): Float32Array {
  const width = fresh.length / (rows.length + extraRows);
  const result = fresh.slice();
  const copy = (from: number, to: number): void =>
    result.set(values.subarray(from * width, (from + 1) * width), to * width);
  rows.forEach((from, to) => {
    if (from !== undefined) copy(from, to);
  });
  for (let i = 0; i < extraRows; i++) copy(fromCount + i, rows.length + i);
  return result;
}
