/** Updates of many parameters in one kernel, in place, against the cpu backend. */
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Graph, type GraphData, recordGraph, replayGraph } from '../graph/index.ts';
import * as ops from '../ops/index.ts';
import { expandUnlowered, normal } from '../testing/compiled.ts';
import { openTestGpu, runPlan } from '../testing/run-plan.ts';
import * as tf from '../tf.ts';
import { type KernelPlan, planGraph } from './index.ts';

const gpu = await openTestGpu();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const shapes = [[3, 5], [7], [65, 2], [1000], [4, 1, 3]];
const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decoupled: true, maximize: false };

interface Variables {
  readonly all: [string, tf.Variable][];
  of(name: string): tf.Variable;
}

function variables(): Variables {
  const all = shapes.flatMap((shape, i) =>
    ['weight', 'mean', 'square', 'average'].map((slot, k): [string, tf.Variable] => {
      const start = normal(shape, 10 * i + k);
      return [`${i}.${slot}`, tf.variable(slot === 'square' ? tf.square(start) : start)];
    }),
  );
  return { all, of: (name) => all.find(([own]) => own === name)![1] };
}

/** Clipping by the norm of all, AdamW with a rate for even and one for odd parameters, an average of the weights. */
function step(
  { of }: Variables,
  { x, rates, late, taken }: Readonly<Record<string, tf.Tensor>>,
): Record<string, tf.Tensor> {
  // With `taken`, a step is left out where its number is negative: every tensor keeps what it has.
  const kept = (value: tf.Tensor, before: tf.Tensor): tf.Tensor =>
    taken ? tf.where(tf.greater(tf.reshape(taken, []), 0), value, before) : value;
  const gradients = shapes.map((shape, i) =>
    tf.mul(tf.exp(of(`${i}.weight`)), tf.slice(x!, [i], [1]).reshape(shape.map(() => 1))),
  );
  const norm = tf.sqrt(tf.sum(tf.stack(gradients.map(ops.sumOfSquares))));
  const factor = tf.minimum(1, tf.div(0.5, tf.add(norm, 1e-6)));
  shapes.forEach((_, i) => {
    const [parameter, mean, square] = [of(`${i}.weight`), of(`${i}.mean`), of(`${i}.square`)] as const;
    const rate = tf.reshape(tf.slice(rates!, [i % 2], [1]), []);
    const result = ops.adamStep(
      {
        parameter,
        gradient: tf.mul(gradients[i]!, factor),
        mean,
        square,
        stepSize: rate,
        inverseRoot: tf.scalar(1.5),
        decay: tf.reshape(late!, []),
      },
      options,
    );
    const moved = kept(result.parameter, parameter);
    mean.assign(kept(result.mean, mean));
    square.assign(kept(result.square, square));
    parameter.assign(moved);
    const average = of(`${i}.average`);
    average.assign(tf.add(tf.mul(average, 0.9), tf.mul(moved, 0.1)));
  });
  return { norm };
}

/** `taken`: whether the step is taken; left out: it is not asked. */
async function planned(
  software: boolean,
  taken?: boolean,
): Promise<{
  graph: Graph;
  plan: KernelPlan;
  start: Record<string, GraphData>;
  inputs: Record<string, tf.Tensor>;
}> {
  const all = variables();
  const start = Object.fromEntries(
    await Promise.all(
      all.all.map(async ([name, variable]) => [name, (await variable.data()).slice() as GraphData] as const),
    ),
  );
  const inputs = {
    x: normal([shapes.length], 99),
    rates: tf.tensor1d([0.1, 0.01]),
    late: tf.tensor1d([0.99]),
    ...(taken === undefined ? {} : { taken: tf.tensor1d([taken ? 1 : -1]) }),
  };
  const graph = await recordGraph((given) => step(all, given), inputs, {
    parameters: all.all,
    expand: expandUnlowered,
  });
  for (const [, variable] of all.all) variable.dispose();
  return { graph, start, inputs, plan: planGraph(graph, { features: new Set(), limits: {}, software }) };
}

describe('updates side by side', () => {
  it('are one kernel for each set of scalars, and the norm of all gradients is two', async () => {
    const { plan } = await planned(false);
    const labels = plan.kernels.map(({ label }) => label);
    expect(labels.filter((label) => label.includes('Adam')).sort()).toEqual([
      expect.stringContaining('× 2'),
      expect.stringContaining('× 3'),
    ]);
    expect(labels.filter((label) => label.includes('SumOfSquares'))).toHaveLength(2);
    for (const [name, id] of Object.entries(plan.updates)) {
      const [before, after] = [plan.values.get(plan.parameters[name]!)!, plan.values.get(id)!];
      expect(after.within).toEqual(before.within);
      expect(after.within!.offset % 64).toBe(0);
    }
  });

  it('are as few where an overflow leaves everything as it was', async () => {
    const [usual, asked] = [await planned(false), await planned(false, true)];
    const updates = asked.plan.kernels.filter(({ label }) => label.includes('Adam'));
    expect(updates.map(({ label }) => label).sort()).toEqual([
      expect.stringContaining('× 2'),
      expect.stringContaining('× 3'),
    ]);
    expect(asked.plan.kernels).toHaveLength(usual.plan.kernels.length);
  });

  for (const [software, taken] of [
    [true, undefined],
    [false, undefined],
    [true, true],
    [true, false],
  ] as const) {
    it.skipIf(!gpu)(
      `computes what the cpu backend does, ${software ? 'without' : 'with'} barriers${taken === undefined ? '' : taken ? ', a step that is taken' : ', a step that is left out'}`,
      async () => {
        const { graph, plan, start, inputs } = await planned(software, taken);
        const numbers = Object.fromEntries(
          await Promise.all(
            Object.entries(inputs).map(
              async ([name, tensor]) => [name, (await tensor.data()) as GraphData] as const,
            ),
          ),
        );
        const received = await runPlan(gpu!, plan, { inputs: numbers, parameters: start });
        const tensors = Object.fromEntries(
          Object.entries(start).map(([name, data]) => [
            name,
            tf.tensor(data, [...graph.values[graph.parameters[name]!]!.shape]),
          ]),
        );
        const expected = replayGraph(
          { ...graph, outputs: { ...graph.outputs, ...graph.updates } },
          inputs,
          tensors,
        );
        for (const [name, tensor] of Object.entries(expected)) {
          const wanted = [...(await tensor.data())];
          wanted.forEach((number, i) => {
            expect(Math.abs(received[name]![i]! - number), `${name}[${i}]`).toBeLessThan(
              2e-6 * Math.max(1, Math.abs(number)),
            );
          });
        }
        if (taken === false)
          for (const [name, data] of Object.entries(start))
            if (!name.endsWith('average')) expect([...received[name]!], name).toEqual([...data]);
      },
    );
  }
});
