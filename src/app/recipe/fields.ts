/**
 * The form's fields, read from the recipe's schema: what a key may hold decides its control, its description becomes the help.
 * What most people change stands first; everything else is folded, and nothing is left out.
 */
import { recipeJsonSchema } from '../../config/index.ts';
import { trainableTasks } from './tasks.ts';

export interface FieldSpec {
  readonly path: readonly string[];
  readonly label: string;
  readonly help: string;
  readonly control:
    | { readonly kind: 'switch' }
    | { readonly kind: 'number'; readonly min?: number; readonly max?: number; readonly whole: boolean }
    | { readonly kind: 'text' }
    | { readonly kind: 'select'; readonly options: readonly string[] }
    /** Lists, sections and what may be several things: written as YAML in one line. */
    | { readonly kind: 'yaml' };
  /** What counts where the recipe says nothing; undefined: nothing, or it depends. */
  readonly fallback: unknown;
  readonly required: boolean;
}

export interface SectionSpec {
  readonly name: string;
  readonly title: string;
  readonly common: readonly FieldSpec[];
  readonly groups: readonly { readonly title: string; readonly fields: readonly FieldSpec[] }[];
}

type Schema = {
  readonly type?: string;
  readonly description?: string;
  readonly deprecated?: boolean;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
};

const common: Readonly<Record<string, readonly string[]>> = {
  model: ['model_name', 'task_type', 'image_size', 'pretrained'],
  data: ['train_data_path', 'val_data_path', 'batch_size', 'fraction'],
  training: [
    'max_epochs',
    'learning_rate',
    'weight_decay',
    'optimizer',
    'scheduler',
    'warmup_ratio',
    'val_check_interval',
    'monitor_metric',
    'early_stopping_patience',
    'seed',
  ],
  mlflow: ['run_name'],
  output: ['save_predictions'],
};

const titles: Readonly<Record<string, string>> = {
  model: 'Model',
  data: 'Data',
  training: 'Training',
  mlflow: 'Name and tracking',
  output: 'Output',
};

/** Sections of keys of their own in the form. */
const grouped = ['augmentations', 'optimizer_params', 'scheduler_params', 'visualization'];
const groupTitles: Readonly<Record<string, string>> = {
  augmentations: 'Augmentations of training pictures',
  optimizer_params: 'Options of the optimizer',
  scheduler_params: 'Options of the scheduler',
  visualization: 'Pictures of the report',
};

/** A recipe may have spellings of other programs as well, and tasks that come later: the form offers one of each that works. */
const offers: Readonly<Record<string, (name: string) => boolean>> = {
  task_type: (name) => trainableTasks.some((task) => task === name),
  precision: (name) => !/^\d/.test(name),
  scheduler: (name) => name !== 'none',
};

export function formSections(): SectionSpec[] {
  const root = recipeJsonSchema() as Schema;
  return Object.keys(titles).map((name) => sectionOf(name, root.properties?.[name] ?? {}));
}

function sectionOf(name: string, schema: Schema): SectionSpec {
  const keys = liveKeys(schema).filter((key) => !grouped.includes(key));
  const first = common[name] ?? [];
  const field = (key: string): FieldSpec => fieldOf([name, key], schema.properties![key]!, schema.required);
  return {
    name,
    title: titles[name]!,
    common: first.filter((key) => keys.includes(key)).map(field),
    groups: [
      ...liveKeys(schema)
        .filter((key) => grouped.includes(key))
        .map((key) => groupOf([name, key], schema.properties![key]!)),
      { title: 'More settings', fields: keys.filter((key) => !first.includes(key)).map(field) },
    ].filter(({ fields }) => fields.length > 0),
  };
}

function groupOf(path: readonly string[], schema: Schema): SectionSpec['groups'][number] {
  return {
    title: groupTitles[path.at(-1)!] ?? path.at(-1)!,
    fields: liveKeys(schema).map((key) => fieldOf([...path, key], schema.properties![key]!, schema.required)),
  };
}

/** Without older spellings. */
const liveKeys = ({ properties = {} }: Schema): string[] =>
  Object.keys(properties).filter((key) => !properties[key]!.deprecated);

function fieldOf(path: readonly string[], schema: Schema, required: readonly string[] = []): FieldSpec {
  const key = path.at(-1)!;
  const words = key.replaceAll('_', ' ');
  return {
    path,
    label: words[0]!.toUpperCase() + words.slice(1),
    help: schema.description ?? '',
    control: controlOf(schema, offers[key]),
    fallback: schema.default,
    required: required.includes(key) && schema.default === undefined,
  };
}

function controlOf(schema: Schema, offered?: (name: string) => boolean): FieldSpec['control'] {
  const branches = (schema.anyOf ?? [schema]).filter(({ type }) => type !== 'null');
  const [only] = branches;
  if (branches.some(({ type }) => type === 'boolean'))
    return { kind: branches.length === 1 ? 'switch' : 'yaml' };
  const names = branches.flatMap((branch) =>
    branch.const === undefined ? (branch.enum ?? []) : [branch.const],
  );
  if (names.length > 0 && branches.every((branch) => branch.enum ?? branch.const !== undefined)) {
    return { kind: 'select', options: spelledOnce(names).filter((name) => offered?.(name) ?? true) };
  }
  if (branches.length > 1 || !only) return { kind: 'yaml' };
  if (only.type === 'number' || only.type === 'integer') {
    const { minimum: min, maximum: max } = only;
    return {
      kind: 'number',
      whole: only.type === 'integer',
      ...(min === undefined || min <= Number.MIN_SAFE_INTEGER ? {} : { min }),
      ...(max === undefined || max >= Number.MAX_SAFE_INTEGER ? {} : { max }),
    };
  }
  return only.type === 'string' ? { kind: 'text' } : { kind: 'yaml' };
}

/** `adamw`, not `AdamW` beside it. */
function spelledOnce(names: readonly unknown[]): string[] {
  const all = names.map(String);
  return all.filter((name) => name === name.toLowerCase() || !all.includes(name.toLowerCase()));
}
