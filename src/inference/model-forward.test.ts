import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Device, lookForGpu, openDevice, replayProgram } from '../engine/index.ts';
import { fromConfig, type LoadedModel } from '../models/index.ts';
import { ModelForward } from './model-forward.ts';
import type { ModelBatch } from './types.ts';

const config = {
  model_type: 'vit',
  hidden_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 32,
  image_size: 16,
  patch_size: 8,
  id2label: { 0: 'disc', 1: 'ring', 2: 'cross' },
};

const batch: ModelBatch = {
  shape: [1, 3, 16, 16],
  pixelValues: Float32Array.from({ length: 768 }, (_, i) => Math.sin(i)),
};

function expectClose(values: readonly number[], expected: readonly number[], digits: number): void {
  for (const [i, value] of values.entries()) expect(value).toBeCloseTo(expected[i]!, digits);
}

describe('a forward pass that predicts', () => {
  let device: Device;
  let loaded: LoadedModel;
  beforeAll(async () => {
    device = await openDevice('wasm');
    loaded = fromConfig(config, { seed: 5 });
  });
  afterAll(async () => {
    loaded.model.dispose();
    await device.dispose();
  });

  const logits = async (forward: ModelForward): Promise<number[]> => {
    const outputs = await forward.run(batch);
    return [...outputs.logits!.data];
  };

  it('is compiled for shapes that come again, in half precision for all', async () => {
    for (const [precision, expected] of [
      ['fp32', [0, 1, 1]],
      ['fp16', [1, 1, 1]],
    ] as const) {
      const asked: unknown[] = [];
      const prepare: Device['prepare'] = (trace, variables, options) => {
        asked.push(options?.precision);
        return replayProgram(trace, variables);
      };
      const forward = new ModelForward({ ...device, prepare }, loaded.model, () => {}, precision);
      const found: number[][] = [];
      for (const count of expected) {
        found.push(await logits(forward));
        expect(asked).toHaveLength(count);
      }
      expect(asked).toEqual([precision]);
      for (const values of found) expectClose(values, found[0]!, 5);
      forward.dispose();
    }
  });

  it('goes on kernel by kernel where it can not be compiled, and says so once', async () => {
    const prepare = async (): Promise<never> => {
      throw new Error('no kernel for Warp');
    };
    const reasons: string[] = [];
    const forward = new ModelForward({ ...device, prepare }, loaded.model, (reason) => reasons.push(reason));
    const first = await logits(forward);
    expect(reasons).toEqual([]);
    expect(await logits(forward)).toEqual(first);
    expect(await logits(forward)).toEqual(first);
    expect(reasons).toEqual([expect.stringContaining('no kernel for Warp')]);
    forward.dispose();
  });
});

describe('a forward pass in half precision', () => {
  const present = lookForGpu();

  it('gives on WebGPU what it gives in fp32, but for rounding', async ({ skip }) => {
    const { adapter, missing } = await present;
    skip(!adapter, `NOT RUN: ${missing}`);
    const device = await openDevice('webgpu', { remember: false });
    try {
      skip(!device.features.includes('shader-f16'), 'NOT RUN: the adapter has no shader-f16');
      const { model } = fromConfig(config, { seed: 5 });
      const forwards = (['fp32', 'fp16'] as const).map((precision) => {
        return new ModelForward(device, model, expect.unreachable, precision);
      });
      const [full, half] = [
        [...(await forwards[0]!.run(batch)).logits!.data],
        [...(await forwards[1]!.run(batch)).logits!.data],
      ];
      expect(half).not.toEqual(full);
      expectClose(half, full, 2);
      for (const forward of forwards) forward.dispose();
      model.dispose();
    } finally {
      await device.dispose();
    }
  });
});
