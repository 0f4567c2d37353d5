/** What people read and hear while a model comes. */
import { expect, test } from 'vitest';
import type { Answer } from '../protocol.ts';
import { ModelStatus } from './model-status.ts';

function recorded(name: string) {
  const said: unknown[] = [];
  const note =
    (what: string) =>
    (value: unknown): void =>
      void said.push([what, value]);
  const view = { loading: note('loading'), say: note('say'), describe: note('describe') };
  return { said, status: new ModelStatus(view, () => name) };
}

test('how much of the weights has come is shown; what is small or kept already is not spoken of', () => {
  const { said, status } = recorded('org/model');
  status.progress({ phase: 'model', file: 'model.onnx', received: 2e6, total: 8e6 });
  status.progress({ phase: 'model', file: 'model.onnx', received: 8e6, total: 8e6, cached: true });
  status.progress({ phase: 'model', file: 'config.json', received: 100 });
  status.progress({ phase: 'runtime' });
  expect(said).toEqual([
    ['loading', 0.25],
    ['say', 'Loading the model, 8.0 MB …'],
    ['loading', 1],
    ['loading', 'unknown'],
    ['loading', 'unknown'],
    ['say', 'Starting the model …'],
  ]);
});

test('the model is named by the end of its place, with the time of an answer', () => {
  const { said, status } = recorded('https://host.example/models/org/model/');
  status.describe({ runtime: 'WebAssembly' });
  status.describe({ runtime: 'WebAssembly' }, { times: { total: 41.6 } } as Answer);
  status.gone();
  expect(said).toEqual([
    ['describe', 'org/model · WebAssembly'],
    ['describe', 'org/model · WebAssembly · 42 ms'],
    ['loading', undefined],
    ['describe', ''],
  ]);
});
