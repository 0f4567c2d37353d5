/**
 * Outputs that are numbers. A model that diverged, or whose values leave the range of fp16, gives NaN or
 * infinities; decoding would quietly make "no detection" or class 0 of them.
 */
import { RunError } from '../core/index.ts';
import type { HostOutputs } from './types.ts';

/** @param rows how many images count, from the first; the others fill up the batch */
export function requireFiniteOutputs(outputs: HostOutputs, rows: number): void {
  for (const [name, { shape, data }] of Object.entries(outputs)) {
    const length = data.length / (shape[0] || 1);
    const bad = data.subarray(0, rows * length).findIndex((value) => !Number.isFinite(value));
    if (bad < 0) continue;
    throw new RunError({
      code: 'outputs_not_finite',
      expected: 'a model that gives finite numbers',
      received: `${data[bad]} in ${name}`,
      fix: 'take an earlier checkpoint, or fp32 where this is fp16',
    });
  }
}
