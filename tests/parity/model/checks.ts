/** The rules of comparison that a model case states in its README.json. */
import type { ParityCase, Reporter } from '../case.ts';
import type { CaseTensor, CaseTensors } from './case-tensors.ts';

export interface OptimizerSettings {
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weight_decay: number;
  readonly max_grad_norm: number;
  readonly steps: number;
}

interface ModelReadme {
  readonly optimizer: OptimizerSettings;
  readonly requires_grad_false?: readonly string[];
  readonly suggested_tolerance: { readonly rtol: Readonly<Record<string, number>> };
  readonly noise_dominated?: { readonly tensors?: Readonly<Record<string, unknown>> };
}

/** Which group an expectation belongs to, for the group's largest value. */
function groupOf(check: string): string {
  if (/^(grad\.|frozenbn\.grad\.)/.test(check)) return 'grads';
  if (/^(train\.loss|frozenbn\.loss)/.test(check)) return 'loss';
  if (/^(train\.|frozenbn\.)/.test(check)) return 'train_outputs';
  if (/^(step_|loss_after)/.test(check)) return 'steps';
  if (check.startsWith('eval.')) return 'outputs';
  if (check.startsWith('match.')) return 'matching';
  return check.slice(0, check.indexOf('.'));
}

const largest = (values: ArrayLike<number>): number => {
  let found = 0;
  for (let i = 0; i < values.length; i++) found = Math.max(found, Math.abs(values[i]!));
  return found;
};

export class ModelChecks {
  private readonly readme: ModelReadme;
  private readonly groupLargest = new Map<string, number>();

  constructor(
    parityCase: ParityCase,
    private readonly report: Reporter,
    private readonly expected: CaseTensors,
    /** A check passes up to this ratio. */
    private readonly maxRatio: number,
  ) {
    this.readme = parityCase.readme as unknown as ModelReadme;
    report.expect(...expected.names);
    for (const name of expected.names) {
      const group = groupOf(name);
      const value = largest(expected.get(name)!.data);
      this.groupLargest.set(group, Math.max(this.groupLargest.get(group) ?? 0, value));
    }
  }

  get optimizer(): OptimizerSettings {
    return this.readme.optimizer;
  }

  get frozenParameters(): readonly string[] {
    return this.readme.requires_grad_false ?? [];
  }

  /** Whether there is an expectation of this name, or with this prefix if it ends in a dot. */
  wants(name: string): boolean {
    if (!name.endsWith('.')) return this.expected.get(name) !== undefined;
    return this.expected.names.some((stored) => stored.startsWith(name));
  }

  /** rtol · max(largest of the tensor, 1e-3 · largest of the group); nothing is said where nothing is stored. */
  compare(check: string, actual: CaseTensor, toleranceGroup: string): void {
    const expected = this.expected.get(check);
    if (!expected) return;
    // Nothing is within any tolerance: costs of pictures without objects, where a case has no others.
    const rtol =
      this.readme.suggested_tolerance.rtol[toleranceGroup] ?? (expected.data.length ? undefined : 0);
    if (rtol === undefined) {
      this.report.fail(check, `README.json has no tolerance for ${toleranceGroup}`);
      return;
    }
    const scale = Math.max(largest(expected.data), 1e-3 * this.groupLargest.get(groupOf(check))!);
    const tolerance = { atol: rtol * scale, maxRatio: this.maxRatio };
    const shapes = { actual: actual.shape, expected: expected.shape };
    this.report.close(check, actual.data, expected.data, tolerance, shapes);
  }

  compareNumber(check: string, actual: number, toleranceGroup: string): void {
    this.compare(check, { shape: [], data: Float32Array.of(actual) }, toleranceGroup);
  }

  compareExactly(check: string, actual: readonly number[]): void {
    const expected = this.expected.get(check);
    if (expected) this.report.equal(check, actual, [...expected.data]);
  }

  /**
   * Adam makes a whole step out of a gradient that is rounding noise. So all elements may be off by 2·lr·steps,
   * and of tensors that are not noise, 98 of 100 elements by 1e-4.
   */
  compareAfterSteps(check: string, actual: Float32Array, steps: number): void {
    const expected = this.expected.get(check)!.data;
    const errors = Float64Array.from(expected, (value, i) => Math.abs(actual[i]! - value)).sort();
    const limit = 2 * this.optimizer.lr * steps;
    const noisy = check in (this.readme.noise_dominated?.tensors ?? {});
    // The smallest error that 98 % of the elements do not exceed.
    const usual = errors[Math.max(0, Math.ceil(errors.length * 0.98) - 1)] ?? 0;
    const largestError = errors.at(-1) ?? 0;
    const bad = actual.length !== expected.length || errors.some(Number.isNaN);
    const ratio = Math.max(largestError / limit, noisy ? 0 : usual / 1e-4);
    // One number stands for both limits: the ratio, against 1.
    this.report.close(check, [bad ? Number.NaN : ratio], [0], { atol: 1, maxRatio: this.maxRatio });
  }
}
