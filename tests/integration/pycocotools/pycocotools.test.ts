/** Random evaluations beside pycocotools itself: every number of every array, ties and odd parameters included. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  type CocoResult,
  type CocoTruthFile,
  evaluateCoco,
  type IouType,
} from '../../../src/metrics/index.ts';

interface Case {
  readonly truth: CocoTruthFile;
  readonly results: readonly CocoResult[];
  readonly options: { readonly useCats?: number; readonly maxDets?: number[]; readonly iouThrs?: number[] };
  readonly iouType: IouType;
  readonly expected: Readonly<Record<'stats' | 'precision' | 'scores' | 'recall', readonly number[]>>;
}

describe('pycocotools', () => {
  it('gives the same numbers on 60 random evaluations', { timeout: 300_000 }, () => {
    const python = execFileSync('bash', ['scripts/python.sh', 'tools'], { encoding: 'utf8' }).trim();
    const output = execFileSync(python, ['tests/integration/pycocotools/generate.py', '100', '60'], {
      encoding: 'utf8',
      maxBuffer: 2 ** 30,
    });
    const cases = JSON.parse(output) as Case[];
    expect(cases.length).toBeGreaterThan(50);
    for (const { truth, results, options, iouType, expected } of cases) {
      const evaluation = evaluateCoco(truth, results, {
        iouType,
        useCategories: options.useCats !== 0,
        ...(options.maxDets ? { maxDetections: options.maxDets } : {}),
        ...(options.iouThrs ? { iouThresholds: options.iouThrs } : {}),
      });
      for (const name of ['stats', 'precision', 'scores', 'recall'] as const) {
        const ours = evaluation[name];
        const wanted = expected[name];
        expect(ours.length).toBe(wanted.length);
        const difference = wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - ours[i]!)), 0);
        expect(difference, `${name} with ${JSON.stringify(options)}`).toBeLessThan(
          name === 'stats' ? 1e-9 : 1e-12,
        );
      }
    }
  });
});
