/**
 * The classes of a model, as its `config.json` names them. Whoever reads a prediction needs them: the engine, and pages
 * that run an exported model without it.
 */
import { ClassMap } from './class-map.ts';
import { ConfigError } from './errors.ts';

/** A parsed `config.json`. */
type ModelConfig = Readonly<Record<string, unknown>>;

/** A file that names no class may still say how many there are: more than any data set has is not believed. */
const mostLabels = 1_000_000;

/** How many classes the heads have: `id2label`, else `num_labels`, else 2, as in transformers. */
export function labelCount(config: ModelConfig): number {
  const { id2label, num_labels: numLabels } = config;
  if (typeof id2label === 'object' && id2label !== null) return Object.keys(id2label).length;
  if (numLabels === undefined || numLabels === null) return 2;
  if (Number.isInteger(numLabels) && Number(numLabels) > 0 && Number(numLabels) <= mostLabels) {
    return numLabels as number;
  }
  throw new ConfigError({
    code: 'model_config_invalid',
    expected: `num_labels in config.json to be a whole number from 1 to ${mostLabels}`,
    received: JSON.stringify(numLabels).slice(0, 100),
    fix: 'correct config.json',
  });
}

/**
 * The category ids of the data that a model was trained on, in the order of its labels: a field of our own in
 * `config.json`, which the original keeps and does not read. With it predictions carry the data's ids.
 */
export const categoryIdsField = 'ocelli_category_ids';

/** The classes of a `config.json`: its `id2label`, or LABEL_0, LABEL_1, … */
export function classesOf(config: ModelConfig): ClassMap {
  const { id2label } = config;
  if (typeof id2label === 'object' && id2label !== null) {
    requireLabels(id2label);
    const classes = ClassMap.fromId2Label(id2label as Record<string, string>);
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
  const numbered = keys.every((_, label) => Object.hasOwn(id2label, label));
  const unnamed = Object.values(id2label).find((name) => typeof name !== 'string');
  if (numbered && unnamed === undefined) return;
  throw new ConfigError({
    code: 'model_config_invalid',
    expected: `id2label in config.json to name the labels from 0 to ${keys.length - 1}, by texts`,
    received: (numbered ? (JSON.stringify(unnamed) ?? 'nothing') : keys.join(', ')).slice(0, 100),
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
