/**
 * Linear sum assignment against scipy: the optimal cost always, the pairs where the optimum is unique; that what
 * scipy refuses is refused; and the matching costs of DETR (`<name>_probabilities`, `_boxes`, `_targets`,
 * `_classes` in; `_l1` and `_giou` out), where a case has them.
 */
import { memorySource, openSafetensors, type TensorFile } from '../../../src/formats/safetensors/index.ts';
import { assign, matchingCosts } from '../../../src/tasks/index.ts';
import { type KindHandler, type Reporter, readBytes, readJson } from '../case.ts';

interface AssignmentCase {
  readonly name: string;
  readonly shape: readonly [number, number];
  readonly maximize: boolean;
  /** null where scipy raises. */
  readonly cost: number | null;
  readonly rows: readonly number[];
  readonly cols: readonly number[];
  /** null: not known. */
  readonly unique: boolean | null;
}

const inputs = ['probabilities', 'boxes', 'targets', 'classes'];

export const assignment: KindHandler = async (parityCase, report) => {
  const cases = await readJson<AssignmentCase[]>(parityCase, 'cases.json');
  const file = await openSafetensors(
    memorySource('costs.safetensors', await readBytes(parityCase, 'costs.safetensors')),
  );
  const given = [...file.tensors.keys()];
  report.expect(...given.filter((name) => !inputs.some((input) => name.endsWith(`_${input}`))));
  for (const { name, shape, maximize, cost, rows, cols, unique } of cases) {
    // A forbidden pair is stored as 1e308.
    const costs = Float64Array.from(await file.readExact(name), (c) => (Math.abs(c) >= 1e308 ? c * 10 : c));
    if (cost === null) {
      report.equal(
        name,
        refuses(() => assign(costs, ...shape, { maximize })),
        true,
      );
      continue;
    }
    const found = assign(costs, ...shape, { maximize });
    report.close(name, [found.cost], [cost], { atol: 1e-9, rtol: 1e-9 });
    report.equal(`${name}.valid`, isAssignment(found.rows, found.columns, shape), true);
    if (unique) report.equal(`${name}.pairs`, [found.rows, found.columns], [rows, cols]);
  }
  const rejected = (costs: readonly number[]): boolean => refuses(() => assign(costs, 2, 2));
  report.equal('refused.nan', rejected([0, Number.NaN, 1, 2]), true);
  const infinity = Number.POSITIVE_INFINITY;
  report.equal('refused.infeasible', rejected([infinity, infinity, 1, 2]), true);
  for (const name of given.filter((tensor) => tensor.endsWith('_probabilities'))) {
    await matching(name.slice(0, -'_probabilities'.length), file, report);
  }
};

async function matching(name: string, file: TensorFile, report: Reporter): Promise<void> {
  const read = (part: string): Promise<Float64Array> => file.readExact(`${name}_${part}`);
  const probabilities = await read('probabilities');
  const [queries = 0] = file.tensors.get(`${name}_probabilities`)!.shape;
  const outputs = { logits: probabilities.map(Math.log), boxes: await read('boxes'), queries };
  const labels = { classLabels: await read('classes'), boxes: await read('targets') };
  const only = (bboxCost: number, giouCost: number): Float64Array =>
    matchingCosts(outputs, labels, { classCost: 0, bboxCost, giouCost });
  report.close(`${name}_l1`, only(1, 0), await read('l1'), { atol: 1e-12 });
  report.close(`${name}_giou`, only(0, -1), await read('giou'), { atol: 1e-12 });
  const whole = file.tensors.has(`${name}_100x7`) ? `${name}_100x7` : undefined;
  if (whole) {
    const all = matchingCosts(outputs, labels, { classCost: 1, bboxCost: 5, giouCost: 2 });
    report.close(`${whole}.costs`, all, await file.readExact(whole), { atol: 1e-9 });
  }
}

function refuses(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch {
    return true;
  }
}

function isAssignment(
  rows: readonly number[],
  columns: readonly number[],
  [height, width]: readonly [number, number],
): boolean {
  const inside = rows.every((row) => row >= 0 && row < height) && columns.every((c) => c >= 0 && c < width);
  const once = new Set(columns).size === columns.length;
  const ascending = rows.every((row, i) => i === 0 || row > rows[i - 1]!);
  return inside && once && ascending && rows.length === Math.min(height, width);
}
