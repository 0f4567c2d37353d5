import { describe, expect, it } from 'vitest';
import type { Recipe } from '../config/index.ts';
import type { Device } from '../engine/index.ts';
import { requirePrecision } from './precision.ts';

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
});
