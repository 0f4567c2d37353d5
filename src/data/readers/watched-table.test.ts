/** Spoiled tables that would keep the decoder busy without end are errors; whole ones come as they were. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useWorkersFolder } from '#platform';
import { type BuiltThreads, buildThreads } from '../../../tests/support/threads.ts';
import { TableWriter } from '../../formats/coco/index.ts';
import { readAnnotationFile } from './annotation-file.ts';
import { readWatchedTable } from './watched-table.ts';

let threads: BuiltThreads;
beforeAll(async () => {
  threads = await buildThreads({ annotations: true });
  threads.use();
}, 120_000);
afterAll(() => threads?.dispose());

function table(): Uint8Array {
  const writer = new TableWriter(
    [
      { id: 1, name: 'cat' },
      { id: 2, name: 'dog' },
    ],
    true,
  );
  for (let i = 0; i < 40; i++) {
    writer.add({
      image_id: i >> 1,
      file_name: `a${i >> 1}.jpg`,
      width: 640,
      height: 480,
      category_id: 1 + (i % 2),
      bbox: [i, 2, 30, 40],
      iscrowd: false,
      id: i + 1,
      area: 1200,
      segmentation: [[1, 2, 3, 4, 5, i]],
    });
  }
  return writer.finish();
}

test('a whole table, through the thread', async () => {
  const bytes = table();
  const source = { path: 'a.parquet', size: async () => bytes.length, read: async () => bytes.slice() };
  const file = await readAnnotationFile(source, 'a.parquet');
  expect(file.images).toHaveLength(20);
  expect(file.objects.length).toBe(40);
  expect(file.complaints).toEqual([]);
});

// Lengths of runs in the pages of image_id, height and category_id: read here they would keep this thread for good.
test.each([444, 668, 842])('byte %i made large ends with an error', async (at) => {
  const bytes = table();
  bytes[at] = 0xff;
  // The thread tells what it finds itself; who waits for it ends what has no end.
  const told = await readWatchedTable<{ readonly refused?: object }>(bytes, 'a.parquet', 4000).then(
    ({ refused }) => refused,
    (error: unknown) => error,
  );
  expect(told).toMatchObject({
    code: 'table_invalid',
    received: expect.stringMatching(/^no end after 4 s|fit in memory$/),
  });
});

test('without a thread no table is read: nothing would end a spoiled one', async () => {
  const source = { path: 'a.parquet', size: async () => 9, read: async () => table() };
  useWorkersFolder(undefined);
  try {
    await expect(readAnnotationFile(source, 'a.parquet')).rejects.toThrow('workers/annotations.worker.js');
  } finally {
    threads.use();
  }
});
