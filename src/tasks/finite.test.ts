import { expect, test } from 'vitest';
import { requireFiniteOutputs } from './finite.ts';

const outputs = (...logits: number[]) => ({ logits: { shape: [2, 2], data: Float32Array.from(logits) } });

test('numbers that are none are named with their output', () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => requireFiniteOutputs(outputs(0, bad, 1, 1), 2)).toThrow(
      expect.objectContaining({
        code: 'outputs_not_finite',
        exitCode: 1,
        message: expect.stringContaining(`${bad} in logits`),
      }),
    );
  }
});

test('rows that fill up a batch do not count', () => {
  requireFiniteOutputs(outputs(0, 1, Number.NaN, 1), 1);
  requireFiniteOutputs(outputs(0, 1, 2, -3), 2);
});
