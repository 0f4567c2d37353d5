/** Programs of a function are made once for each combination of shapes, and those that are not used are given up. */
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, expect, it } from 'vitest';
import * as tf from '../tf.ts';
import { CompiledFunction } from './function.ts';
import { replayProgram } from './replay.ts';
import type { PrepareProgram } from './types.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

it('keeps the programs that were used last', async () => {
  const [made, ended]: [string[], string[]] = [[], []];
  const prepare: PrepareProgram = async (trace, variables) => {
    const shape = trace.graph.values[trace.graph.inputs.x!]!.shape.join('×');
    made.push(shape);
    const program = await replayProgram(trace, variables);
    return {
      ...program,
      dispose() {
        ended.push(shape);
        program.dispose();
      },
    };
  };
  const twice = new CompiledFunction(prepare, ({ x }) => ({ y: tf.mul(x!, 2) }), new Map(), 2);
  const call = async (length: number): Promise<void> => {
    const data = Float32Array.from({ length }, (_, i) => i);
    const { y } = await twice.call({ x: { shape: [length], data } });
    expect([...y!.data]).toEqual([...data].map((number) => 2 * number));
  };
  for (const length of [1, 2, 1, 3]) await call(length);
  expect([made, ended]).toEqual([['1', '2', '3'], ['2']]);
  for (const length of [1, 3, 2]) await call(length);
  expect([made, ended]).toEqual([
    ['1', '2', '3', '2'],
    ['2', '1'],
  ]);
  twice.dispose();
  expect(ended).toEqual(['2', '1', '3', '2']);
});
