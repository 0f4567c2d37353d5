/** A recipe's text as views show it: values by path, the whole recipe where it is valid, and what is wrong with it. */
import { parseDocument } from 'yaml';
import { diagnoseRecipe, type Recipe, type RecipeProblem } from '../../config/index.ts';

export type Path = readonly (string | number)[];

export interface Reading {
  readonly text: string;
  /** The value that the text gives at a path; undefined where it says nothing. */
  get(path: Path): unknown;
  /** With every default; missing while there are problems. */
  readonly recipe?: Recipe | undefined;
  readonly problems: readonly RecipeProblem[];
  readonly warnings: readonly string[];
}

export function readRecipe(text: string): Reading {
  const { recipe, problems, warnings } = diagnoseRecipe(text);
  const tree = treeOf(text);
  return {
    text,
    recipe,
    problems,
    warnings: warnings.map(({ message }) => message.replace(/^recipe\.yaml:(\d+):\d+:?/, 'Line $1:')),
    get: (path) =>
      path.reduce<unknown>(
        (value, key) =>
          typeof value === 'object' && value !== null && Object.hasOwn(value, key)
            ? (value as Record<string | number, unknown>)[key]
            : undefined,
        tree,
      ),
  };
}

function treeOf(text: string): unknown {
  try {
    return parseDocument(text, { version: '1.2', merge: true, logLevel: 'silent' }).toJS() as unknown;
  } catch {
    // Aliases that lead nowhere; `problems` says so.
    return undefined;
  }
}
