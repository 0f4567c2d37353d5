/**
 * What varies from step to step must be an input of the graph, never a part of it. Every family and every optimiser
 * is traced at two different moments (step, seed, learning rate, pictures, truth, counters); the graphs must be
 * equal to the last constant.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModels, tinyRun } from '../../../tests/support/tiny-models.ts';
import { type Device, type Graph, openDevice, type PrepareProgram, tf } from '../../engine/index.ts';
import type { Task } from '../../tasks/index.ts';
import { WeightAverage } from '../ema.ts';
import { parameterGroups } from '../groups.ts';
import { createAlgorithm, Optimizer, optimizerNames } from '../optimizers/index.ts';
import { TrainingStep } from '../step.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice('wasm');
});
afterAll(() => device.dispose());

interface Moment {
  readonly step: number;
  readonly seed: number;
  readonly learningRate: number;
  readonly batch: number;
  readonly images: number;
}

type ChangeTask = (task: Task<unknown>, moment: Moment) => Task<unknown>;

/** The graphs that a step is traced to at this moment: whole, or part and apply. */
async function graphsAt(
  family: string,
  optimizerName: string,
  accumulate: number,
  moment: Moment,
  changed: ChangeTask,
): Promise<Graph[]> {
  const graphs: Graph[] = [];
  const inputs: Record<string, number[]> = {};
  const prepare: PrepareProgram = async ({ graph, halts }) => {
    graphs.push(graph);
    return {
      async run(given, atHalt) {
        for (const [name, data] of Object.entries(given)) inputs[name] = [...data];
        for (const [i, { reads }] of halts.entries()) {
          const found = reads.map((name) => {
            const { shape } = graph.values[graph.outputs[name]!]!;
            return [
              name,
              new Float32Array(shape.reduce((size, length) => size * length, 1)).fill(0.3),
            ] as const;
          });
          atHalt!(Object.fromEntries(found), i);
        }
      },
      read: async () => ({ report: new Float32Array(64) }),
      dispose() {},
    };
  };
  const { loaded, task, batch } = tinyRun(family);
  const groups = parameterGroups(loaded.model, {
    backboneLearningRateFactor: 0.1,
    weightDecay: 0.01,
    noDecayNormBias: true,
  });
  const optimizer = new Optimizer(createAlgorithm(optimizerName), groups);
  const average = new WeightAverage(
    groups.flatMap(({ parameters }) => parameters),
    0.99,
    4,
  );
  const settings = {
    seed: moment.seed,
    clip: { kind: 'norm' as const, limit: 0.1 },
    mix: { mixupAlpha: 0, cutmixAlpha: 0 },
    plan: { accumulate },
  };
  // Counters of a run that is under way.
  for (let i = 1; i < moment.step; i++) {
    optimizer.prepare(
      groups.map(() => 1),
      optimizer.names,
    );
  }
  const step = new TrainingStep(
    loaded.model,
    changed(task, moment),
    { ...device, prepare },
    optimizer,
    settings,
    average,
  );
  for (let part = 0; part < accumulate; part++) {
    await step.add(batch(moment.batch + part, moment.images), moment.step, part);
  }
  await step.finish(
    groups.map(() => moment.learningRate),
    moment.step,
  );
  expect(step.isCompiled, step.takeWarnings()[0]?.message).toBe(true);
  step.dispose();
  optimizer.dispose();
  average.dispose();
  loaded.model.dispose();
  return graphs;
}

async function expectNothingBakedIn(
  family: string,
  optimizer: string,
  accumulate = 1,
  changed: ChangeTask = (task) => task,
): Promise<void> {
  const before = tf.memory().numTensors;
  const moments: Moment[] = [
    { step: 1, seed: 1, learningRate: 1e-3, batch: 0, images: 2 },
    { step: 7, seed: 2, learningRate: 3e-4, batch: 5, images: 1 },
  ];
  const [first, second] = [
    await graphsAt(family, optimizer, accumulate, moments[0]!, changed),
    await graphsAt(family, optimizer, accumulate, moments[1]!, changed),
  ];
  expect(first).toHaveLength(accumulate > 1 ? 2 : 1);
  for (const [i, graph] of first.entries()) {
    expect(graph.nodes.length).toBeGreaterThan(10);
    // Compared as text where they differ, since a graph is long.
    const { constants, ...rest } = graph;
    const { constants: otherConstants, ...otherRest } = second[i]!;
    expect(JSON.stringify(rest) === JSON.stringify(otherRest)).toBe(true);
    expect([...constants.keys()]).toEqual([...otherConstants.keys()]);
    for (const [id, data] of constants) {
      const different = data.findIndex((value, k) => !Object.is(value, otherConstants.get(id)![k]));
      expect(different, `constant ${id} [${graph.values[id]!.shape}] was baked in`).toBe(-1);
    }
  }
  expect(tf.memory().numTensors).toBe(before);
}

describe('nothing that varies is baked into a traced step', () => {
  for (const family of Object.keys(tinyModels)) {
    it(`of ${family}`, () => expectNothingBakedIn(family, 'adamw'));
  }
  for (const optimizer of optimizerNames()) {
    it(`with ${optimizer}`, () => expectNothingBakedIn('vit', optimizer));
  }
  it('with accumulated gradients', async () => {
    await expectNothingBakedIn('resnet', 'adamw', 2);
    await expectNothingBakedIn('detr', 'sgd', 2);
  });

  it('while every stochastic layer draws from a stream of its own', async () => {
    const moment: Moment = { step: 1, seed: 1, learningRate: 1e-3, batch: 0, images: 2 };
    const [graph] = await graphsAt('vit', 'adamw', 1, moment, (task) => task);
    const streams = graph!.nodes
      .filter(({ kernel, outputs }) => kernel === 'OcelliDropout' && outputs[0]! < graph!.backward!)
      .map(({ attrs }) => attrs.stream);
    expect(streams.length).toBeGreaterThan(4);
    expect(new Set(streams).size).toBe(streams.length);
  });

  it('which is noticed where it happens', async () => {
    const scaled: ChangeTask = (task, { learningRate }) => ({
      ...task,
      loss(outputs, targets) {
        const { total, parts } = task.loss(outputs, targets);
        return { total: tf.mul(total, learningRate), parts };
      },
    });
    await expect(expectNothingBakedIn('vit', 'sgd', 1, scaled)).rejects.toThrow('was baked in');
  });
});
