/** The recipe argument: a file, a run folder's recipe, or the name of a recipe that ships (`quickstart`). */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type ParseResult, parseRecipe } from '../config/index.ts';
import { ConfigError } from '../core/index.ts';
import { packageInfo } from './package-info.ts';

export interface LoadedRecipe extends ParseResult {
  /** The file that was read. */
  readonly path: string;
}

export function loadRecipe(name: string, overrides: readonly string[] = []): LoadedRecipe {
  const path = findRecipe(name);
  const text = readFileSync(path, 'utf8');
  return { ...parseRecipe(text, { source: displayName(name, path), overrides }), path };
}

/** The names of the recipes that ship, without `.yaml`. */
export function shippedRecipes(): string[] {
  return readdirSync(join(packageInfo().folder, 'configs'))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .toSorted();
}

function findRecipe(name: string): string {
  if (existsSync(name)) {
    if (!statSync(name).isDirectory()) return name;
    const inside = join(name, 'recipe.yaml');
    if (existsSync(inside)) return inside;
  } else {
    const shipped = join(packageInfo().folder, 'configs', `${basename(name, '.yaml')}.yaml`);
    const asked = name === basename(name) || /^configs[\\/][^\\/]+$/.test(name);
    if (asked && existsSync(shipped)) return shipped;
  }
  throw new ConfigError({
    code: 'recipe_missing',
    expected: 'a recipe: a YAML file, a run folder, or the name of one that ships',
    received: name.includes('=') ? `${name} (an override; the recipe comes first)` : name,
    fix: `check the path, write one with \`ocelli init\`, or choose one of ${shippedRecipes().join(', ')}`,
  });
}

function displayName(name: string, path: string): string {
  return existsSync(name) ? path : `configs/${basename(path)}`;
}
