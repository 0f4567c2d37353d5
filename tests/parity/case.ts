/**
 * A reference case and the comparison of ours with it. A case is a folder with a `README.json` whose `kind`
 * says what is in it; every stored expectation is one check, and one that was not compared is a failure.
 */
import { files } from '#platform';

export interface ParityOptions {
  readonly device: 'webgpu' | 'wasm' | 'cpu';
  readonly compiled: boolean;
}

export interface ParityCase {
  /** The folder, absolute. */
  readonly folder: string;
  /** The folder as it is printed: relative to the folder that was asked for. */
  readonly name: string;
  readonly kind: string;
  /** The parsed README.json. */
  readonly readme: Readonly<Record<string, unknown>>;
}

export interface CheckResult {
  readonly case: string;
  readonly kind: string;
  readonly check: string;
  readonly ok: boolean;
  readonly max_abs: number | null;
  readonly max_rel: number | null;
  readonly tolerance: number | string;
  /** Error over tolerance; null for exact checks that failed on shape or kind. */
  readonly ratio: number | null;
  readonly device: string;
  readonly note?: string;
}

export interface Tolerance {
  /** Absolute error allowed. */
  readonly atol: number;
  /** Plus this times |expected|. */
  readonly rtol?: number;
  /** A check passes up to this ratio (1). */
  readonly maxRatio?: number;
}

type Numbers = ArrayLike<number>;

/** Collects the checks of one case. */
export class Reporter {
  private readonly expectations = new Set<string>();

  constructor(
    private readonly parityCase: ParityCase,
    private readonly device: string,
    private readonly emit: (result: CheckResult) => void,
  ) {}

  /** Declares what is stored, so that what is never compared fails in `finish`. */
  expect(...checks: readonly string[]): void {
    for (const check of checks) this.expectations.add(check);
  }

  /** Compares numbers element by element; shapes must be equal where both are given. */
  close(
    check: string,
    actual: Numbers | undefined,
    expected: Numbers,
    tolerance: Tolerance,
    shapes?: { actual: readonly number[]; expected: readonly number[] },
  ): void {
    const sameShape = !shapes || shapes.actual.join() === shapes.expected.join();
    if (!actual || actual.length !== expected.length || !sameShape) {
      const received = actual ? `shape [${shapes?.actual ?? actual.length}]` : 'nothing';
      this.result(
        check,
        false,
        null,
        null,
        tolerance.atol,
        null,
        `received ${received}, expected [${shapes?.expected ?? expected.length}]`,
      );
      return;
    }
    let maxAbs = 0;
    let maxRel = 0;
    let ratio = 0;
    for (let i = 0; i < expected.length; i++) {
      const wanted = Number(expected[i]);
      const got = Number(actual[i]);
      if (Object.is(wanted, got) || (Number.isNaN(wanted) && Number.isNaN(got))) continue;
      const error = Math.abs(got - wanted);
      if (wanted === got) continue;
      const allowed = tolerance.atol + (tolerance.rtol ?? 0) * Math.abs(wanted);
      maxAbs = Number.isFinite(error) ? Math.max(maxAbs, error) : Number.POSITIVE_INFINITY;
      maxRel = Math.max(maxRel, error / Math.max(Math.abs(wanted), 1e-30));
      ratio = Number.isFinite(error)
        ? Math.max(ratio, allowed > 0 ? error / allowed : Number.POSITIVE_INFINITY)
        : Number.POSITIVE_INFINITY;
    }
    this.result(check, ratio <= (tolerance.maxRatio ?? 1), maxAbs, maxRel, tolerance.atol, ratio);
  }

  /** Anything else that must be the same. Compared as JSON. */
  equal(check: string, actual: unknown, expected: unknown): void {
    const got = JSON.stringify(actual) ?? 'undefined';
    const wanted = JSON.stringify(expected) ?? 'undefined';
    const ok = got === wanted;
    this.result(
      check,
      ok,
      ok ? 0 : null,
      ok ? 0 : null,
      'exact',
      ok ? 0 : null,
      ok ? undefined : `received ${got.slice(0, 120)}, expected ${wanted.slice(0, 120)}`,
    );
  }

  fail(check: string, note: string): void {
    this.result(check, false, null, null, 'exact', null, note);
  }

  /** Fails every expectation that was declared and not compared. */
  finish(): void {
    for (const check of this.expectations) this.fail(check, 'was not compared');
  }

  private result(
    check: string,
    ok: boolean,
    maxAbs: number | null,
    maxRel: number | null,
    tolerance: number | string,
    ratio: number | null,
    note?: string,
  ): void {
    this.expectations.delete(check);
    this.emit({
      case: this.parityCase.name,
      kind: this.parityCase.kind,
      check,
      ok,
      max_abs: maxAbs,
      max_rel: maxRel,
      tolerance,
      ratio,
      device: this.device,
      ...(note ? { note } : {}),
    });
  }
}

export type KindHandler = (parityCase: ParityCase, report: Reporter, options: ParityOptions) => Promise<void>;

/** Reads a JSON file of the case. */
export async function readJson<T>(parityCase: ParityCase, file: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await readBytes(parityCase, file))) as T;
}

export async function readBytes(parityCase: ParityCase, file: string): Promise<Uint8Array> {
  return files.read(`${parityCase.folder}/${file}`);
}
