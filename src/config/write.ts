/**
 * A resolved recipe as YAML: every key with its value, sections in the schema's order, the sections' meaning as
 * comments. Reading it again gives the same recipe, but for a password in an address: that is not written.
 */
import { Document, isMap, isScalar, type YAMLMap } from 'yaml';
import { plainAugmentation, type Recipe, recipeSchema } from './schema/index.ts';

export interface WriteOptions {
  /** Address of `recipe.schema.json` for editors; left out: no schema line. */
  readonly schema?: string;
}

export function resolvedYaml(recipe: Recipe, options: WriteOptions = {}): string {
  const document = new Document(plainRecipe(recipe), { version: '1.2', aliasDuplicateObjects: false });
  const root = document.contents as unknown as YAMLMap;
  for (const [index, pair] of root.items.entries()) {
    if (!isScalar(pair.key)) continue;
    const name = String(pair.key.value) as keyof typeof recipeSchema.shape;
    pair.key.commentBefore = ` ${recipeSchema.shape[name].description ?? name}`;
    pair.key.spaceBefore = index > 0;
    if (isMap(pair.value)) flowLists(pair.value);
  }
  const text = document.toString({ lineWidth: 0 });
  return options.schema === undefined ? text : `${schemaLine(options.schema)}\n${text}`;
}

/** The line that tells editors where the schema is. */
export function schemaLine(address: string): string {
  return `# yaml-language-server: $schema=${address}`;
}

/**
 * The recipe as plain data in the form that a file has: augmentations by name, in their order; addresses without
 * user and password, because files are shared.
 */
export function plainRecipe(recipe: Recipe): Record<string, unknown> {
  const sections: Record<string, unknown> = {
    ...recipe,
    data: {
      ...recipe.data,
      augmentations: Object.fromEntries(
        recipe.data.augmentations.map((step) => [step.type, plainAugmentation(step)]),
      ),
    },
  };
  return Object.fromEntries(
    Object.keys(recipeSchema.shape).map((name) => {
      const section = sections[name];
      const shape = (recipeSchema.shape as Record<string, { shape?: object }>)[name]?.shape;
      const ordered =
        shape && section ? inOrder(section as Record<string, unknown>, Object.keys(shape)) : section;
      return [name, withoutCredentials(ordered)];
    }),
  );
}

/** `https://user:password@host/…` → `https://host/…`, at any depth. `abfss://container@account` has no password. */
function withoutCredentials(value: unknown): unknown {
  if (typeof value === 'string') {
    // A password with a slash makes it no address.
    if (/^https?:\/\/.*@/is.test(value) && !URL.canParse(value)) return value.replace(/\/\/.*@/s, '//');
    return value.replace(/^(https?:\/\/)[^/?#]*@/i, '$1').replace(/^([\w+.-]+:\/\/)[^/?#@]*:[^/?#]*@/, '$1');
  }
  if (Array.isArray(value)) return value.map(withoutCredentials);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutCredentials(inner)]));
}

function inOrder(section: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  const position = (key: string): number => (keys.includes(key) ? keys.indexOf(key) : keys.length);
  return Object.fromEntries(Object.entries(section).toSorted(([a], [b]) => position(a) - position(b)));
}

/** `[800, 800]` on one line, as people write it. */
function flowLists(map: YAMLMap): void {
  for (const { value } of map.items) {
    if (isMap(value)) flowLists(value);
    else if (typeof value === 'object' && value !== null && 'items' in value) {
      (value as { flow?: boolean }).flow = true;
    }
  }
}
