import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { recipeJsonSchema, recipeSchemaFile, withRecipeTables } from './document.ts';
import { parseRecipe, recipeSchema } from './index.ts';
import { schemaKeys } from './keys.ts';
import { ignoredKeys, movedKeys } from './legacy.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

describe('what is generated from the schema', () => {
  it('is up to date: configs/recipe.schema.json (else: npm run generate)', () => {
    expect(read('configs/recipe.schema.json')).toBe(recipeSchemaFile());
  });

  it('is up to date: docs/recipe.md (else: npm run generate)', () => {
    const page = read('docs/recipe.md');
    expect(page).toBe(withRecipeTables(page));
  });

  it('explains every key', () => {
    const page = read('docs/recipe.md');
    for (const key of schemaKeys()) {
      const [section, ...rest] = key.split('.');
      expect(page).toContain(`\`${rest.length > 0 ? rest.join('.') : section}\``);
    }
  });
});

describe('older keys', () => {
  const keys = schemaKeys();

  it('move to keys that exist and are none themselves', () => {
    for (const { from, to } of movedKeys) {
      expect(keys).not.toContain(from);
      expect(to.startsWith('model.config.') || keys.includes(to)).toBe(true);
    }
    for (const { key } of ignoredKeys) expect(keys).not.toContain(key);
  });

  it('are known to editors as deprecated', () => {
    type Node = { properties: Record<string, Node>; deprecated?: boolean };
    const schema = recipeJsonSchema() as unknown as Node;
    expect(schema.properties.model!.properties.learning_rate).toMatchObject({ deprecated: true });
    expect(schema.properties.training!.properties.learning_rate!.deprecated).toBeUndefined();
  });
});

describe('defaults', () => {
  it('of the schema are what an almost empty recipe gets', () => {
    const text = 'model: {model_name: a, task_type: detection}\ndata: {train_data_path: a, val_data_path: b}';
    const { recipe } = parseRecipe(text);
    const parsed = recipeSchema.parse({
      model: { model_name: 'a', task_type: 'detection' },
      data: { train_data_path: 'a', val_data_path: 'b' },
    });
    expect(recipe.output).toEqual(parsed.output);
    expect(recipe.model).toEqual(parsed.model);
  });
});
