import { describe, expect, it } from 'vitest';
import type { Recipe } from '../config/index.ts';
import type { Device } from '../engine/index.ts';
import { evaluationPrecision, requirePrecision } from './precision.ts';

const recipe = (precision: string): Recipe => ({ training: { precision } }) as Recipe;
const device = (features: readonly string[], prepare?: Device['prepare']): Device =>
  ({ description: 'webgpu on X', features, prepare }) as Device;
const prepare: Device['prepare'] = async () => ({
  run: async () => {},
  read: async () => ({}),
  dispose() {},
});

describe('half precision', () => {
  it('is refused where steps are not compiled', () => {
    expect(() => requirePrecision(recipe('fp16'), device(['simd']))).toThrow(
      /kernel by kernel.*Fix: .*fp32/s,
    );
  });

  it('is refused without shader-f16', () => {
    expect(() => requirePrecision(recipe('fp16'), device(['subgroups'], prepare))).toThrow(/shader-f16/);
  });

  it('is taken where the device has it, and nothing is asked for fp32', () => {
    requirePrecision(recipe('fp16'), device(['shader-f16'], prepare));
    requirePrecision(recipe('fp32'), device([]));
  });

  it('is that of the recipe in evaluations, where the device has it', () => {
    const able = device(['shader-f16'], prepare);
    expect(evaluationPrecision(recipe('fp16'), undefined, able)).toEqual({ precision: 'fp16', warnings: [] });
    expect(evaluationPrecision(recipe('fp16'), 'fp32', able)).toEqual({ precision: 'fp32', warnings: [] });
    expect(evaluationPrecision(recipe('fp32'), 'fp16', able)).toEqual({ precision: 'fp16', warnings: [] });
    expect(evaluationPrecision(recipe('fp32'), undefined, device([]))).toEqual({
      precision: 'fp32',
      warnings: [],
    });
  });

  it('gives way to fp32 in an evaluation on another device, which is told, unless it was asked for', () => {
    const unable = device(['simd']);
    const { precision, warnings } = evaluationPrecision(recipe('fp16'), undefined, unable);
    expect(precision).toBe('fp32');
    expect(warnings).toMatchObject([{ type: 'warning', code: 'evaluated_in_fp32' }]);
    expect(() => evaluationPrecision(recipe('fp16'), 'fp16', unable)).toThrow(/half precision/);
  });
});
