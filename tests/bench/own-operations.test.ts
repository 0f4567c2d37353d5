/**
 * Every operation of our own is held: those with a gradient by finite differences, on odd sizes, and all of them by a
 * row of the bench. Which operations a case or a row contains is read from its recorded graph, so an operation that
 * is added later is missed here until it has both.
 */
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import type { KernelCase } from '../../bench/kernels/case.ts';
import { composed } from '../../bench/kernels/composed.ts';
import { elementwise } from '../../bench/kernels/elementwise.ts';
import { products } from '../../bench/kernels/products.ts';
import { templates } from '../../bench/kernels/templates.ts';
import { Tape, tf, traceStep } from '../../src/engine/index.ts';
import { cases } from '../../src/engine/testing/cases.ts';
import type { OpCase } from '../../src/engine/testing/op-cases.ts';

/** Parts of a composition that other backends take: none is in a compiled step. */
const partsOfCompositions = ['OcelliIm2col'];
/** Steps of optimisers: nothing is differentiated by them. `src/training/optimizers` holds them against torch. */
const updates = ['OcelliAdamStep'];

const own = (): string[] =>
  tf
    .getKernelsForBackend('cpu')
    .map(({ kernelName }) => kernelName)
    .filter((name) => name.startsWith('Ocelli') && !partsOfCompositions.includes(name));

const differentiable = (): string[] => own().filter((name) => tf.getGradient(name) !== undefined);

/** Operations as they were called: what they are made of is not looked into. */
async function kernelsOf(
  fn: (inputs: Readonly<Record<string, tf.Tensor>>) => readonly tf.Tensor[],
  specs: Parameters<typeof traceStep>[1],
  expand: (kernel: string) => boolean,
): Promise<string[]> {
  const results = (inputs: Readonly<Record<string, tf.Tensor>>) =>
    Object.fromEntries(fn(inputs).map((tensor, i) => [`result${i}`, tensor]));
  const { graph } = await traceStep(results, specs, { expand });
  return graph.nodes.map(({ kernel }) => kernel);
}

async function ofCase({ shapes, run }: OpCase): Promise<string[]> {
  const specs = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, { shape, dtype: 'float32' as const }]));
  const gradients = (inputs: Readonly<Record<string, tf.Tensor>>): tf.Tensor[] => {
    const tape = new Tape();
    const given = Object.values(inputs);
    const found = tape.gradients(tf.sum(run(...given)), given) as tf.Tensor[];
    tape.dispose(found);
    return found;
  };
  return kernelsOf(gradients, specs, () => false);
}

async function ofRow({ inputs, ours }: KernelCase, expand: (kernel: string) => boolean): Promise<string[]> {
  const specs = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, dtype = 'float32' }]) => [name, { shape, dtype }]),
  );
  const results = (given: Readonly<Record<string, tf.Tensor>>): readonly tf.Tensor[] => {
    const found = ours(given);
    return Array.isArray(found) ? found : [found as tf.Tensor];
  };
  return kernelsOf(results, specs, expand);
}

describe('operations of our own', () => {
  const inCases = new Set<string>();
  const inRows = new Set<string>();
  beforeAll(async () => {
    await tf.setBackend('cpu');
    for (const one of cases) for (const kernel of await ofCase(one)) inCases.add(kernel);
    for (const row of [...products, ...templates, ...composed, ...elementwise]) {
      for (const kernel of await ofRow(row, () => false)) inRows.add(kernel);
      // Operations that others are made of.
      for (const kernel of await ofRow(row, (name) => name.startsWith('Ocelli') && inRows.has(name)))
        inRows.add(kernel);
    }
  });

  it('are many, and most of them have a gradient', () => {
    expect(own().length).toBeGreaterThan(30);
    expect(differentiable().length).toBeGreaterThan(20);
  });

  it('have gradients that are compared with finite differences', () => {
    expect(differentiable().filter((name) => !inCases.has(name))).toEqual([]);
  });

  it('are gradients, or are differentiated, in some case', () => {
    const rest = own().filter((name) => !differentiable().includes(name) && !updates.includes(name));
    expect(rest.filter((name) => !inCases.has(name) && !inRows.has(name))).toEqual([]);
  });

  it('have a row in the bench', () => {
    expect(own().filter((name) => !inRows.has(name))).toEqual([]);
  });
});
