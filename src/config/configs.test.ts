import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseRecipe, resolvedYaml } from './index.ts';

const folder = new URL('../../configs/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

describe('the recipes that ship', () => {
  it('are there', () => {
    expect(names).toEqual(
      expect.arrayContaining([
        'quickstart.yaml',
        'classification_vit.yaml',
        'classification_resnet.yaml',
        'detection_detr.yaml',
        'detection_yolos.yaml',
        'detection_bccd.yaml',
      ]),
    );
  });

  it.each(names)(
    '%s names its schema first, loads without a warning and comes back from its resolved form',
    (name) => {
      const text = readFileSync(new URL(name, folder), 'utf8');
      expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./recipe.schema.json');
      const { recipe, warnings } = parseRecipe(text, { source: name });
      expect(warnings).toEqual([]);
      expect(parseRecipe(resolvedYaml(recipe))).toEqual({ recipe, warnings: [] });
    },
  );
});
