/**
 * The algorithms against numbers that were worked out on paper: small betas and gradients make every moment a short
 * fraction, so a wrong bias correction, ε on the wrong side of the root or decay in the wrong place shows. On WebGPU
 * too where there is one: AdamW has a kernel of its own there.
 */
import { describe, expect, it } from 'vitest';
import { type Device, openDevice, tf } from '../../engine/index.ts';
import { clipByNorm, clipByValue, totalNorm } from '../clip.ts';
import { createAlgorithm, Optimizer, type OptimizerOptions, scalarTensors } from './index.ts';

interface Run {
  readonly options?: OptimizerOptions;
  readonly lr?: number;
  readonly start?: number;
  /** One number per step; undefined: no gradient in that step. */
  readonly gradients: readonly (number | undefined)[];
  readonly groupDecay?: number;
}

/** The parameter after every step. Three elements all get the same gradient and must stay alike. */
async function trace(name: string, { options, lr = 0.1, start = 1, gradients, groupDecay }: Run) {
  const variable = tf.variable(tf.fill([3], start));
  const group = { name: 'all', parameters: [{ name: 'p', variable }], learningRateFactor: 1 };
  const decay = groupDecay === undefined ? {} : { weightDecay: groupDecay };
  const optimizer = new Optimizer(createAlgorithm(name, options), [{ ...group, ...decay }]);
  const values: number[] = [];
  for (const gradient of gradients) {
    const tensor = tf.fill([3], gradient ?? 0);
    optimizer.step(new Map(gradient === undefined ? [] : [['p', tensor]]), [lr]);
    tensor.dispose();
    const [first, ...others] = await variable.data();
    expect(others).toEqual([first, first]);
    values.push(first!);
  }
  optimizer.dispose();
  variable.dispose();
  return values;
}

function expectNumbers(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  expected.forEach((value, i) => {
    expect(actual[i], `step ${i + 1}`).toBeCloseTo(value, 6);
  });
}

const devices: readonly Device['backend'][] = ['wasm', 'webgpu'];

for (const backend of devices) {
  describe(`optimisers on ${backend}`, () => {
    /** The test without a device passes over: machines without WebGPU have none. */
    const on = (title: string, run: () => Promise<void>): void =>
      void it(title, async ({ skip }) => {
        let device: Device;
        try {
          device = await openDevice(backend);
        } catch (error) {
          if (backend === 'webgpu') return skip(String(error));
          throw error;
        }
        try {
          await run();
        } finally {
          await device.dispose();
        }
      });

    on('Adam corrects both moments for their start, and adds ε to the corrected root', async () => {
      // A constant gradient has the mean g and the square g² in every step: always 0.3 / (0.3 + 0.1) of the rate.
      const constant = await trace('adam', { options: { eps: 0.1 }, gradients: [0.3, 0.3, 0.3] });
      expectNumbers(constant, [0.925, 0.85, 0.775]);
      // m = 1/2, −3/4; v = 1/4, 19/16; corrected by 1/2, 3/4 and 1/4, 7/16: 1 / 1 and −1 / √(19/7).
      const changing = await trace('adam', { options: { betas: [0.5, 0.75], eps: 0 }, gradients: [1, -2] });
      expectNumbers(changing, [0.9, 0.9 + 0.1 * Math.sqrt(7 / 19)]);
    });

    on('Adam adds decay to the gradient, AdamW takes it from the weight', async () => {
      // Only decay: Adam's moments hide its size, AdamW shrinks by 1 − lr · λ in each step.
      const l2 = await trace('adam', { options: { weight_decay: 0.5, eps: 0 }, gradients: [0, 0], start: 2 });
      expect(l2[0]).toBeCloseTo(1.9, 6);
      const decoupled = await trace('adamw', { options: { weight_decay: 0.5 }, gradients: [0, 0], start: 2 });
      expectNumbers(decoupled, [1.9, 1.805]);
      // Decay first, then the step; 0.01 when nothing is said.
      const both = await trace('adamw', { options: { weight_decay: 0.5, eps: 0 }, gradients: [3], start: 2 });
      expectNumbers(both, [1.8]);
      expectNumbers(await trace('adamw', { gradients: [0] }), [0.999]);
      expectNumbers(await trace('adam', { gradients: [0] }), [1]);
      expectNumbers(await trace('adamw', { gradients: [0], groupDecay: 0.2 }), [0.98]);
      expectNumbers(await trace('adam', { options: { maximize: true, eps: 0 }, gradients: [2] }), [1.1]);
    });

    on('AMSGrad divides by the largest square so far, before its correction', async () => {
      // v = 2, 1 → largest 2, 2; corrected by 1/2 and 3/4. m = 1, 1/2, corrected by 1/2 and 3/4.
      const options = { betas: [0.5, 0.5], eps: 0, amsgrad: true };
      const moved = await trace('adam', { options, gradients: [2, 0] });
      expectNumbers(moved, [0.9, 0.9 - (0.1 * (2 / 3)) / Math.sqrt(8 / 3)]);
    });

    on('a parameter without a gradient stays, and its counter with it', async () => {
      const options = { betas: [0.5, 0.75], eps: 0, weight_decay: 0.5 };
      const [first, still, next] = await trace('adamw', { options, gradients: [1, undefined, -2] });
      expect(first).toBeCloseTo(0.85, 6);
      expect(still).toBe(first);
      expect(next).toBeCloseTo(0.85 * 0.95 + 0.1 * Math.sqrt(7 / 19), 6);
    });

    on('SGD: momentum begins undampened, Nesterov looks ahead, decay is part of the gradient', async () => {
      expectNumbers(
        await trace('sgd', { options: { weight_decay: 0.5 }, gradients: [2, 2] }),
        [0.75, 0.5125],
      );
      const dampened = { momentum: 0.5, dampening: 0.75 };
      // Buffers 4, then 4/2 + 4/4.
      expectNumbers(await trace('sgd', { options: dampened, gradients: [4, 4] }), [0.6, 0.3]);
      // Buffers 4 and 6; directions 4 + 2 and 4 + 3.
      const nesterov = { momentum: 0.5, nesterov: true };
      expectNumbers(await trace('sgd', { options: nesterov, gradients: [4, 4] }), [0.4, -0.3]);
      expectNumbers(await trace('sgd', { options: { maximize: true }, gradients: [4] }), [1.4]);
    });

    on('RMSprop: ε outside the root, centred by the mean, momentum over scaled gradients', async () => {
      // Squares 4 · 1/4 = 1, then 1 · 3/4 + 1 = 7/4.
      const plain = await trace('rmsprop', { options: { alpha: 0.75, eps: 1 }, gradients: [2, 2] });
      expectNumbers(plain, [0.9, 0.9 - 0.2 / (Math.sqrt(7 / 4) + 1)]);
      // Variance 1 − (1/2)², momentum carries half of the first direction.
      const options = { alpha: 0.75, eps: 0, centered: true, momentum: 0.5 };
      const first = 2 / Math.sqrt(3 / 4);
      const second = 2 / Math.sqrt(7 / 4 - (7 / 8) ** 2);
      const centred = await trace('rmsprop', { options, gradients: [2, 2] });
      expectNumbers(centred, [1 - 0.1 * first, 1 - 0.1 * first - 0.1 * (second + first / 2)]);
    });

    on('Adagrad: squares add up from their first value, the rate falls with the steps', async () => {
      const options = { initial_accumulator_value: 5, lr_decay: 1, eps: 0 };
      // √(5 + 4) and √(9 + 16); rates 0.1 and 0.1 / 2.
      const moved = await trace('adagrad', { options, gradients: [2, 4] });
      expectNumbers(moved, [1 - 0.2 / 3, 1 - 0.2 / 3 - 0.2 / 5]);
    });

    on('a skipped step leaves weights and moments, one that counts moves them', async () => {
      const variable = tf.variable(tf.fill([2], 1));
      const group = { name: 'all', parameters: [{ name: 'p', variable }], learningRateFactor: 1 };
      const optimizer = new Optimizer(createAlgorithm('adamw', { weight_decay: 0.5, eps: 0 }), [group]);
      const attempt = async (moves: boolean): Promise<number[][]> => {
        tf.tidy(() => {
          const scalars = scalarTensors(optimizer.prepare([0.1], ['p']));
          optimizer.apply(new Map([['p', tf.fill([2], 4)]]), scalars, tf.scalar(moves, 'bool'));
        });
        if (!moves) optimizer.uncount(['p']);
        const numbers = [[...(await variable.data())]];
        for (const [, slot] of optimizer.tensors()) numbers.push([...(await slot.data())]);
        return numbers;
      };
      expect(await attempt(false)).toEqual([
        [1, 1],
        [0, 0],
        [0, 0],
      ]);
      expect(optimizer.counters().counts).toEqual({ p: 0 });
      const [weights, mean, square] = await attempt(true);
      // 0.95 by decay, less the whole rate: the first step that counts is step one.
      expectNumbers([...weights!, mean![0]!, square![0]!], [0.85, 0.85, 0.4, 0.016]);
      optimizer.dispose();
      variable.dispose();
    });

    on('clipping takes all gradients together, by the norm that was asked for', async () => {
      const gradients = [tf.tensor1d([3, 0]), tf.tensor2d([[-4]])];
      const numbers = async (tensors: readonly tf.Tensor[]): Promise<number[]> => {
        const values: number[] = [];
        for (const tensor of tensors) values.push(...(await tensor.data()));
        return values;
      };
      expectNumbers(await numbers([totalNorm(gradients)]), [5]);
      expectNumbers(await numbers([totalNorm(gradients, 1)]), [7]);
      expectNumbers(await numbers([totalNorm(gradients, Number.POSITIVE_INFINITY)]), [4]);
      expectNumbers(await numbers([totalNorm(gradients, 3)]), [91 ** (1 / 3)]);
      expectNumbers(await numbers(clipByNorm(gradients, 1).clipped), [0.6, 0, -0.8]);
      expectNumbers(await numbers([clipByNorm(gradients, 1).norm]), [5]);
      // Smaller ones are left alone, to the last bit.
      expect(await numbers(clipByNorm(gradients, 6).clipped)).toEqual([3, 0, -4]);
      expect(await numbers(clipByValue(gradients, 2))).toEqual([2, 0, -2]);
    });
  });
}

describe('an optimiser', () => {
  it('refuses options that would be ignored, and values that mean nothing', () => {
    expect(() => createAlgorithm('adamw', { beta: 0.9 })).toThrow('beta');
    expect(() => createAlgorithm('adamw', { betas: [0.9, 1] })).toThrow('betas');
    expect(() => createAlgorithm('sgd', { nesterov: true })).toThrow('momentum');
    expect(() => createAlgorithm('lion')).toThrow('adamw');
  });
});
