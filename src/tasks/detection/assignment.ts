/**
 * The linear sum assignment problem: pairs of rows and columns, each used at most once, min(rows, columns) of
 * them, with the least total cost. Solved by shortest augmenting paths (Crouse, doi:10.1109/TAES.2016.140952) by
 * the library `linear-sum-assignment`; here are the rules at its border, which are scipy's: a cost may be +∞ (that pair
 * is forbidden), NaN and −∞ are errors, and so is a matrix that only forbidden pairs could fill.
 */
import { linearSumAssignment } from 'linear-sum-assignment';
import { RunError } from '../../core/index.ts';

export interface Assignment {
  /** Ascending. */
  readonly rows: readonly number[];
  /** `columns[i]` goes with `rows[i]`. */
  readonly columns: readonly number[];
  readonly cost: number;
}

/** @param costs row-major [rows, columns] */
export function assign(
  costs: ArrayLike<number>,
  rows: number,
  columns: number,
  { maximize = false }: { readonly maximize?: boolean } = {},
): Assignment {
  if (costs.length !== rows * columns) {
    throw new Error(`${costs.length} costs for ${rows} rows and ${columns} columns`);
  }
  if (rows === 0 || columns === 0) return { rows: [], columns: [], cost: 0 };
  const sign = maximize ? -1 : 1;
  const matrix = Array.from({ length: rows }, (_, row) =>
    Float64Array.from({ length: columns }, (_, column) => sign * costs[row * columns + column]!),
  );
  for (const row of matrix) {
    for (const cost of row) {
      if (Number.isNaN(cost) || cost === Number.NEGATIVE_INFINITY) {
        throw impossible('matching_cost_not_finite', 'costs that are numbers', `${sign * cost}`);
      }
    }
  }
  const { rowAssignments } = linearSumAssignment(matrix, { maximaze: false });
  const pairs = [...rowAssignments.entries()].filter(([, column]) => column >= 0);
  const cost = pairs.reduce((sum, [row, column]) => sum + matrix[row]![column]!, 0);
  if (pairs.length !== Math.min(rows, columns) || !Number.isFinite(cost)) {
    throw impossible(
      'matching_infeasible',
      'an assignment that avoids the forbidden pairs',
      `${rows} × ${columns} costs that allow none`,
    );
  }
  return { rows: pairs.map(([row]) => row), columns: pairs.map(([, column]) => column), cost: sign * cost };
}

function impossible(code: string, expected: string, received: string): RunError {
  return new RunError({
    code,
    expected,
    received,
    fix: 'lower the learning rate or check the boxes of the data: the model diverged or a target is broken',
  });
}
