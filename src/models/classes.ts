/**
 * A checkpoint's classes and those of the data. They are matched by name: the head's rows of known classes are
 * carried over, the others start fresh, and both counts are said. DETR's row for "no object" stays the last.
 */
import { ClassMap, ConfigError } from '../core/index.ts';
import { labelCount } from './config.ts';
import type { ClassHead, HfConfig } from './types.ts';

/**
 * The category ids of the data that a model was trained on, in the order of its labels: a field of our own in
 * `config.json`, which the original keeps and does not read. With it predictions carry the data's ids.
 */
const categoryIdsField = 'ocelli_category_ids';

/** The classes of a `config.json`: its `id2label`, or LABEL_0, LABEL_1, … */
export function classesOf(config: HfConfig): ClassMap {
  const { id2label } = config;
  if (typeof id2label === 'object' && id2label !== null) {
    const classes = ClassMap.fromId2Label(id2label as Record<string, string>);
    requireLabels(id2label);
    const ids = config[categoryIdsField];
    return areCategoryIds(ids, classes.size)
      ? new ClassMap(classes.names.map((name, label) => ({ id: ids[label]!, name })))
      : classes;
  }
  const names = Array.from({ length: labelCount(config) }, (_, i) => [String(i), `LABEL_${i}`]);
  return ClassMap.fromId2Label(Object.fromEntries(names) as Record<string, string>);
}

/** A head has one row for each label from 0 on: names for other numbers would shift all the rest. */
function requireLabels(id2label: object): void {
  const keys = Object.keys(id2label);
  if (keys.every((_, label) => String(label) in id2label)) return;
  throw new ConfigError({
    code: 'model_config_invalid',
    expected: `id2label in config.json to name the labels from 0 to ${keys.length - 1}`,
    received: keys.join(', ').slice(0, 100),
    fix: 'correct config.json: the model has one output for each label, without gaps',
  });
}

/** Whole numbers that ascend as the labels do: anything else is not of our making and says nothing. */
function areCategoryIds(value: unknown, count: number): value is readonly number[] {
  return (
    Array.isArray(value) &&
    value.length === count &&
    value.every((id, label) => Number.isSafeInteger(id) && (label === 0 || id > value[label - 1]))
  );
}

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
