import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { smallModel } from '../../tests/support/small-run.ts';
import { type Device, openDevice, tf } from '../engine/index.ts';
import { WeightAverage } from './ema.ts';
import { freeze, parameterGroups } from './groups.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu');
});
afterAll(() => device.dispose());

const settings = { backboneLearningRateFactor: 1, weightDecay: 0.1, noDecayNormBias: false };
const namesOf = (groups: ReturnType<typeof parameterGroups>) =>
  groups.map(({ name, parameters, learningRateFactor, weightDecay }) => [
    name,
    parameters.map((parameter) => parameter.name),
    learningRateFactor,
    weightDecay,
  ]);

describe('parameter groups', () => {
  it('are one for all parameters unless the recipe parts them', () => {
    const model = smallModel();
    const all = ['conv.weight', 'norm.weight', 'norm.bias', 'head.weight', 'head.bias'];
    expect(namesOf(parameterGroups(model, settings))).toEqual([['model', all, 1, 0.1]]);
  });

  it('part norms and biases, the backbone, and leave out what is frozen', () => {
    const model = smallModel();
    freeze(model, ['head.b*']);
    const parted = Object.assign(model, { isBackbone: (name: string) => !name.startsWith('head.') });
    const groups = parameterGroups(parted, {
      backboneLearningRateFactor: 0.1,
      weightDecay: 0.1,
      noDecayNormBias: true,
    });
    expect(namesOf(groups)).toEqual([
      ['backbone', ['conv.weight'], 0.1, 0.1],
      ['backbone, no decay', ['norm.weight', 'norm.bias'], 0.1, 0],
      ['model', ['head.weight'], 1, 0.1],
    ]);
  });

  it('need a glob that matches something and something that trains', () => {
    const model = smallModel();
    expect(() => freeze(model, ['backbone.*'])).toThrow(/matches none of 5 names/);
    freeze(model, ['**']);
    expect(() => parameterGroups(model, settings)).toThrow(/at least one parameter that is not frozen/);
  });
});

describe('averaged weights', () => {
  it('follow the weights up to their first step and stand in for them for a while', async () => {
    const weight = tf.variable(tf.tensor1d([1, 2]));
    const average = new WeightAverage([{ name: 'weight', variable: weight }], 0.5, 1);
    const move = (values: number[]) => tf.tidy(() => weight.assign(tf.tensor1d(values)));
    move([3, 4]);
    average.update(1);
    move([5, 8]);
    average.update(2);
    await average.during(async () => {
      expect([...(await device.read(weight))]).toEqual([4, 6]);
      expect(() => [...average.tensors()]).toThrow();
    });
    expect([...(await device.read(weight))]).toEqual([5, 8]);
    const [[, tensor]] = [...average.tensors()] as [[string, tf.Variable]];
    expect([...(await device.read(tensor))]).toEqual([4, 6]);
    const failing = average.during(async () => {
      throw new Error('evaluation failed');
    });
    await expect(failing).rejects.toThrow('evaluation failed');
    expect([...(await device.read(weight))]).toEqual([5, 8]);
    average.dispose();
    weight.dispose();
  });
});
