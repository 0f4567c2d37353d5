/** Runs as they are compared: each with its own classes, so that no number stands under another class's name. */
import { expect, test } from 'vitest';
import type { RunRecord } from '../../client/index.ts';
import type { FileReader } from '../event-log.ts';
import { haveSameClasses, readHistory } from './history.ts';

/** The files of runs, as the worker reads them. */
function reader(files: Readonly<Record<string, string>>): FileReader {
  return {
    worker: {
      readFile: (path) =>
        path in files ? Promise.resolve(new Blob([files[path]!])) : Promise.reject(new Error(`no ${path}`)),
    },
  };
}

const log = (...events: readonly object[]): string =>
  events.map((event) => `${JSON.stringify(event)}\n`).join('');
const data = (classes: readonly string[], categoryIds?: readonly number[]) => ({
  type: 'data_ready',
  splits: {},
  classes,
  categoryIds,
  setAside: 0,
});
const evaluation = (metrics: Readonly<Record<string, number>>) => ({
  ...{ type: 'evaluation', split: 'val', step: 4, epoch: 0, ms: 1 },
  metrics,
});
const read = (files: Readonly<Record<string, string>>, run: string) =>
  readHistory(reader(files), { run } as RunRecord);

test('the same id is another class in another run', async () => {
  const files = {
    'a/events.jsonl': log(
      data(['cat', 'dog'], [1, 2]),
      evaluation({ val_map: 0.3, val_map_class_1: 0.1, val_map_class_2: 0.5 }),
    ),
    'b/events.jsonl': log(
      data(['dog', 'owl'], [1, 7]),
      evaluation({ val_map: 0.4, val_map_class_1: 0.2, val_map_class_7: 0.6 }),
    ),
  };
  const [a, b] = [await read(files, 'a'), await read(files, 'b')];
  expect(a.metrics).toEqual({ val_map: 0.3, 'val_map of cat': 0.1, 'val_map of dog': 0.5 });
  expect(b.metrics).toEqual({ val_map: 0.4, 'val_map of dog': 0.2, 'val_map of owl': 0.6 });
  expect(b.curves.metrics.get('val_map of dog')?.points).toEqual([[4, 0.2]]);
  expect([...a.curves.metrics.keys()]).toEqual(Object.keys(a.metrics));
  expect(haveSameClasses([a, b])).toBe(false);
  expect(haveSameClasses([a, a])).toBe(true);
});

test('the order of ids makes no other classes; a run that saw no data has none to differ in', async () => {
  const files = {
    'a/events.jsonl': log(data(['cat', 'dog'], [1, 2])),
    'b/events.jsonl': log(data(['dog', 'cat'], [5, 6])),
  };
  const histories = [await read(files, 'a'), await read(files, 'b'), await read(files, 'none')];
  expect(haveSameClasses(histories)).toBe(true);
});

test('a log without ids is read with the classes of the model that its run left', async () => {
  const events = log(data(['cat', 'dog']), evaluation({ val_map_class_17: 0.1 }));
  const config = { id2label: { 0: 'cat', 1: 'dog' }, ocelli_category_ids: [17, 18] };
  const files = {
    'a/events.jsonl': events,
    'a/model/config.json': JSON.stringify(config),
    'b/events.jsonl': events,
  };
  expect((await read(files, 'a')).metrics).toEqual({ 'val_map of cat': 0.1 });
  // Nothing says which class it was.
  expect((await read(files, 'b')).metrics).toEqual({ val_map_class_17: 0.1 });
});
