/**
 * The schema as others need it: JSON Schema for editors, tables for the docs. Everything here is derived, so
 * that code, editor and page can't disagree; `npm run generate` writes the files and a test compares them.
 */
import { z } from 'zod';
import { taskNames } from '../core/index.ts';
import { ignoredKeys, movedKeys } from './legacy.ts';
import { monitorNames, recipeSchema, taskMetrics } from './schema/index.ts';

type Json = { [key: string]: unknown };

/** JSON Schema (draft 7, which YAML editors read best); older keys are in it, marked as deprecated. */
export function recipeJsonSchema(): Json {
  const schema = z.toJSONSchema(recipeSchema, { io: 'input', target: 'draft-7' }) as Json;
  for (const { from, to, why } of movedKeys) addDeprecated(schema, from, `Read as ${to}: ${why}.`);
  for (const { key, why } of ignoredKeys) addDeprecated(schema, key, `No effect: ${why}.`);
  return { ...schema, title: 'Ocelli recipe' };
}

function addDeprecated(schema: Json, key: string, message: string): void {
  const path = key.split('.');
  let here = schema;
  for (const name of path.slice(0, -1)) {
    const properties = propertiesOf(here);
    properties[name] ??= { type: 'object', deprecated: true, properties: {} };
    here = properties[name] as Json;
  }
  propertiesOf(here)[path.at(-1)!] ??= {
    description: message,
    deprecationMessage: message,
    deprecated: true,
  };
}

function propertiesOf(schema: Json): Json {
  schema.properties ??= {};
  return schema.properties as Json;
}

/** The tables of docs/recipe.md: one per section, then metrics, then older keys. */
export function recipeTables(): string {
  const schema = z.toJSONSchema(recipeSchema, { io: 'input', target: 'draft-7' }) as Json;
  const required = (schema.required ?? []) as readonly string[];
  const sections = Object.entries(propertiesOf(schema)).map(([name, section]) => {
    const body = objectBranch(section as Json);
    return [
      `### \`${name}\`${required.includes(name) ? '' : ' (optional)'}`,
      '',
      `${String((section as Json).description)}.`,
      '',
      ...table(['key', 'type', 'default', 'meaning'], [...rows(body, '')]),
    ].join('\n');
  });
  return [...sections, metricTable(), legacyTable()].join('\n\n');
}

function* rows(section: Json, prefix: string): Generator<string[]> {
  const required = (section.required ?? []) as readonly string[];
  for (const [name, value] of Object.entries(propertiesOf(section))) {
    const property = value as Json;
    const fallback = required.includes(name) ? '**required**' : defaultText(property.default);
    yield [`\`${prefix}${name}\``, typeText(property), fallback, String(property.description ?? '')];
    if (name === 'augmentations' || name === 'scheduler_params' || name === 'optimizer_params') {
      yield* rows(property, `${name}.`);
    }
    if (name === 'visualization') yield* rows(property, `${name}.`);
  }
}

function defaultText(value: unknown): string {
  if (
    value === undefined ||
    (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
  ) {
    return '–';
  }
  return `\`${JSON.stringify(value).replaceAll('"', '')}\``;
}

/** Alternatives of a type, each once. */
function typeText(schema: Json): string {
  return [...new Set(alternatives(schema))].join(' or ').replaceAll('` or `', '` `');
}

function* alternatives(schema: Json): Generator<string> {
  const branches = (schema.anyOf ?? schema.oneOf) as readonly Json[] | undefined;
  if (branches) for (const branch of branches) yield* alternatives(branch);
  else if (schema.const !== undefined) yield `\`${String(schema.const)}\``;
  else if (Array.isArray(schema.enum)) yield* (schema.enum as unknown[]).map((name) => `\`${String(name)}\``);
  else yield plainType(schema);
}

function plainType(schema: Json): string {
  switch (schema.type) {
    case 'array':
      return Array.isArray(schema.items)
        ? `list of ${(schema.items as Json[]).length} (${typeText((schema.items as Json[])[0]!)})`
        : `list (${typeText(schema.items as Json)})`;
    case 'object':
      return 'section';
    case 'integer':
      return `whole number${bounds(schema)}`;
    case 'number':
      return `number${bounds(schema)}`;
    case 'string':
      return 'text';
    case 'boolean':
      return '`true` `false`';
    default:
      return String(schema.type ?? 'any');
  }
}

function bounds(schema: Json): string {
  const low =
    schema.minimum === undefined || schema.minimum === Number.MIN_SAFE_INTEGER
      ? undefined
      : `≥ ${String(schema.minimum)}`;
  const above = schema.exclusiveMinimum === undefined ? undefined : `> ${String(schema.exclusiveMinimum)}`;
  const high =
    schema.maximum === undefined || schema.maximum === Number.MAX_SAFE_INTEGER
      ? undefined
      : `≤ ${String(schema.maximum)}`;
  const below = schema.exclusiveMaximum === undefined ? undefined : `< ${String(schema.exclusiveMaximum)}`;
  const parts = [low, above, high, below].filter((part) => part !== undefined);
  return parts.length > 0 ? ` ${parts.join(', ')}` : '';
}

function objectBranch(section: Json): Json {
  const branches = section.anyOf as readonly Json[] | undefined;
  return branches?.find((branch) => branch.type === 'object') ?? section;
}

function metricTable(): string {
  return [
    '### What `training.monitor_metric` may name',
    '',
    '`<id>` is a category id of the data set.',
    '',
    ...table(
      ['task', 'default', 'names'],
      taskNames.map((task) => [
        `\`${task}\``,
        `\`${taskMetrics[task].monitor}\``,
        monitorNames(task)
          .map((name) => `\`${name}\``)
          .join(' '),
      ]),
    ),
  ].join('\n');
}

function legacyTable(): string {
  return [
    '### Older spellings',
    '',
    'Files of the reference system load as they are. These keys are read as others, with a warning:',
    '',
    ...table(
      ['key', 'read as', 'where both are given and differ'],
      movedKeys.map(({ from, to, wins }) => [
        `\`${from}\``,
        `\`${to}\``,
        `\`${wins === 'from' ? from : to}\` counts`,
      ]),
    ),
    '',
    'These are accepted without effect; the warning says why:',
    '',
    ...table(
      ['key', 'why'],
      ignoredKeys.map(({ key, why }) => [`\`${key}\``, why]),
    ),
  ].join('\n');
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...body.map(line)];
}

const start = '<!-- keys: written by `npm run generate` -->';
const end = '<!-- end of keys -->';

/** The page with its tables renewed. */
export function withRecipeTables(page: string): string {
  const from = page.indexOf(start);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/recipe.md must hold the lines ${start} and ${end}`);
  return `${page.slice(0, from + start.length)}\n\n${recipeTables()}\n\n${page.slice(to)}`;
}

/** `configs/recipe.schema.json` as a file's text. */
export function recipeSchemaFile(): string {
  return `${JSON.stringify(recipeJsonSchema(), null, 2)}\n`;
}
