/**
 * The cases of all operations (testing/cases.ts) compiled, forward and backward, against the cpu backend, whose
 * gradients ops.test.ts holds against finite differences.
 */
import '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { Tape } from '../../tape.ts';
import { cases } from '../../testing/cases.ts';
import { expectSameAsCpu, normal } from '../../testing/compiled.ts';
import { inputValues, type OpCase } from '../../testing/op-cases.ts';
import { openTestGpu } from '../../testing/run-plan.ts';
import * as tf from '../../tf.ts';

const gpu = await openTestGpu();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

type Tensors = Readonly<Record<string, tf.Tensor>>;

/** y and the gradients of Σ y·projection. */
const withGradients =
  ({ shapes, run }: OpCase) =>
  (inputs: Tensors): Tensors => {
    const given = shapes.map((_, i) => inputs[`x${i}`]!);
    const tape = new Tape();
    const y = run(...given);
    const found = tape.gradients(tf.sum(tf.mul(y, inputs.projection!)), given);
    const results = {
      y: tf.clone(y),
      ...Object.fromEntries(found.map((gradient, i) => [`dx${i}`, gradient!])),
    };
    tape.dispose(Object.values(results));
    return results;
  };

async function compare(opCase: OpCase): Promise<void> {
  const { shapes, run } = opCase;
  const values = inputValues(opCase).map((numbers, i) => tf.tensor(numbers, [...shapes[i]!]));
  const projection = normal(tf.tidy(() => run(...values).shape));
  const inputs = { projection, ...Object.fromEntries(values.map((value, i) => [`x${i}`, value])) };
  const plan = await expectSameAsCpu(gpu!, withGradients(opCase), inputs, 1e-5, {
    software: gpu!.software,
  });
  expect(plan.kernels.length).toBeGreaterThan(0);
  tf.dispose(Object.values(inputs));
}

/** TensorFlow.js' own convolutions are what the other backends compose ours of: no step that is compiled has one. */
const ours = cases.filter(({ name }) => !name.startsWith('tf '));

describe.skipIf(!gpu)('compiled', () => {
  it.each(ours)('$name', { timeout: 60_000 }, compare);
});
