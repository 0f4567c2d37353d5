/** A recipe's text as views show it: values by path, the whole recipe where it is valid, and what is wrong with it. */
import { isScalar, LineCounter, parseDocument } from 'yaml';
import { diagnoseRecipe, type Recipe, type RecipeProblem } from '../../config/index.ts';
import { trainableTasks } from './tasks.ts';

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
  const later = recipe && !trainableTasks.includes(recipe.model.task_type) ? [taskOfLater(text, recipe)] : [];
  return {
    text,
    recipe: later.length > 0 ? undefined : recipe,
    problems: [...problems, ...later],
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

/** A valid recipe whose task can't be trained yet: better said while it is written than when a run begins. */
function taskOfLater(text: string, { model: { task_type } }: Recipe): RecipeProblem {
  const path = ['model', 'task_type'];
  const lines = new LineCounter();
  const node = parseDocument(text, { lineCounter: lines, logLevel: 'silent' }).getIn(path, true);
  const { line, col } = lines.linePos((isScalar(node) && node.range?.[0]) || 0);
  return {
    path,
    line,
    column: col,
    text: `${path.join('.')}: expected one of ${trainableTasks.join(', ')}. Received: ${task_type}, which can not be trained yet`,
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
