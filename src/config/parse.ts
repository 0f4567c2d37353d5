/**
 * From a recipe's text to the recipe: read YAML with positions, apply `key=value` arguments, bring older keys
 * to their place, validate, fill in what is left. All problems are found before the first error is thrown.
 */
import { ConfigError, counted } from '../core/index.ts';
import { takeAddedOptimizer } from './added-optimizers.ts';
import { checkRecipe } from './checks.ts';
import { reportIssues } from './issues.ts';
import { mapLegacyKeys } from './map-legacy.ts';
import { parseOverrides } from './overrides.ts';
import { resolveRecipe } from './resolve.ts';
import { type Recipe, recipeSchema } from './schema/index.ts';
import { isTree, Source } from './source.ts';
import type { RecipeWarning } from './warnings.ts';

export interface ParseOptions {
  /** The file's name, for messages. */
  readonly source?: string;
  /** `key=value` arguments; they win over the file. */
  readonly overrides?: readonly string[];
}

export interface ParseResult {
  readonly recipe: Recipe;
  readonly warnings: readonly RecipeWarning[];
}

/** Throws a `ConfigError` whose `problems` name file, line and column of everything that is wrong. */
export function parseRecipe(text: string, options: ParseOptions = {}): ParseResult {
  const { source, recipe, warnings, isYaml } = readRecipe(text, options);
  if (!recipe) throw recipeError(source, isYaml ? 'invalid_recipe' : 'invalid_yaml');
  return { recipe, warnings };
}

/** A problem of a recipe's text, for editors. */
export interface RecipeProblem {
  /** From the root to the value or the unknown key; empty where the text is no YAML. */
  readonly path: readonly (string | number)[];
  /** From 1. */
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

export interface RecipeDiagnosis {
  /** Missing where there are problems. */
  readonly recipe?: Recipe;
  /** In the order of the text. */
  readonly problems: readonly RecipeProblem[];
  readonly warnings: readonly RecipeWarning[];
}

/** The same as `parseRecipe` for text that is being written: problems are the result, with their places. */
export function diagnoseRecipe(text: string): RecipeDiagnosis {
  const { source, recipe, warnings } = readRecipe(text, {});
  const problems = inOrder(source).map(({ path, where, text }): RecipeProblem => {
    const [line, column] = where.split(':').slice(-2).map(Number);
    return { path, line: line ?? 1, column: column ?? 1, text };
  });
  return { ...(recipe ? { recipe } : {}), problems, warnings };
}

interface Read {
  readonly source: Source;
  /** Missing where the source has problems. */
  readonly recipe?: Recipe;
  readonly warnings: readonly RecipeWarning[];
  readonly isYaml: boolean;
}

function readRecipe(text: string, options: ParseOptions): Read {
  const name = options.source ?? 'recipe.yaml';
  const source = new Source(text, name, parseOverrides(options.overrides ?? []));
  const warnings: RecipeWarning[] = [];
  if (source.problems.length > 0) return { source, warnings, isYaml: false };
  fillEmptySections(source);
  mapLegacyKeys(source, warnings);
  const added = takeAddedOptimizer(source);
  const order = source.get(['data', 'augmentations']);
  const result = recipeSchema.safeParse(source.tree);
  if (!result.success) reportIssues(source, result.error.issues);
  checkRecipe(source, warnings);
  if (!result.success || source.problems.length > 0) return { source, warnings, isYaml: true };
  const resolved = resolveRecipe(result.data, isTree(order) ? Object.keys(order) : []);
  const recipe = { ...resolved, training: { ...resolved.training, ...added } };
  return { source, recipe, warnings, isYaml: true };
}

const inOrder = (source: Source): Source['problems'] => source.problems.toSorted((a, b) => a.order - b.order);

/** `mlflow:` with nothing below is an empty section, and a missing `model` lacks its keys, not itself. */
function fillEmptySections(source: Source): void {
  for (const section of ['model', 'data', 'training', 'mlflow', 'output']) {
    const value = source.get([section]);
    if (value === null || (value === undefined && (section === 'model' || section === 'data'))) {
      source.set([section], {});
    }
  }
  for (const path of [
    ['model', 'config'],
    ['model', 'scheduler_params'],
    ['data', 'augmentations'],
    ['training', 'scheduler_params'],
    ['training', 'optimizer_params'],
    ['mlflow', 'tags'],
    ['output', 'visualization'],
  ]) {
    if (source.get(path) === null) source.remove(path);
  }
}

function recipeError(source: Source, code: string): ConfigError {
  const lines = [...new Set(inOrder(source).map(({ where, text }) => `${where} ${text}`))];
  return new ConfigError({
    code,
    expected: `a valid recipe in ${source.name}`,
    received: counted(lines.length, 'problem'),
    fix: 'correct what is listed (docs/recipe.md has every key)',
    problems: lines,
  });
}
