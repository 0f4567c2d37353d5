/** Tables: what is written is read back, and what other tools write is read. */
import { parquetReadObjects } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, test } from 'vitest';
import { areNumbers, readCocoTable, type TableRow, TableWriter } from './table.ts';

const source = (bytes: Uint8Array) => ({
  size: bytes.length,
  read: async (start: number, end: number) => bytes.subarray(start, end),
});
const categories = [
  { id: 3, name: 'cat', supercategory: 'animal' },
  { id: 9, name: 'Ärmel' },
];
const image = { image_id: 7, file_name: 'a.jpg', width: 20, height: 10 };
const rows: TableRow[] = [
  {
    ...image,
    id: 1,
    category_id: 3,
    bbox: [1, 2, 3.25, 4],
    area: 11,
    iscrowd: false,
    segmentation: [[0, 0, 4, 0, 4, 3.5]],
  },
  {
    ...image,
    id: 2,
    category_id: 9,
    bbox: [0, 0, 2, 2],
    iscrowd: true,
    segmentation: { size: [10, 20], counts: [0, 200] },
  },
  { ...image, id: 3, category_id: 3, bbox: [0, 0, 5, 5], iscrowd: false, keypoints: [1, 2, 2, 0, 0, 0] },
  { image_id: 8, file_name: 'without.jpg', width: 5, height: 6 },
];
const write = (items: readonly TableRow[], numbers = true): Uint8Array => {
  const writer = new TableWriter(categories, numbers);
  for (const row of items) writer.add(row);
  return writer.finish();
};

test('boxes, masks, crowds, keypoints, names and images without objects come back', async () => {
  const { file, complaints } = await readCocoTable(source(write(rows)), 'x.parquet');
  expect(complaints).toEqual([]);
  expect(file.categories).toEqual(categories);
  expect(file.images).toEqual([
    { id: 7, file_name: 'a.jpg', width: 20, height: 10 },
    { id: 8, file_name: 'without.jpg', width: 5, height: 6 },
  ]);
  expect([...file.annotations]).toEqual([
    {
      id: 1,
      image_id: 7,
      category_id: 3,
      bbox: [1, 2, 3.25, 4],
      area: 11,
      iscrowd: false,
      segmentation: [[0, 0, 4, 0, 4, 3.5]],
    },
    {
      id: 2,
      image_id: 7,
      category_id: 9,
      bbox: [0, 0, 2, 2],
      area: 200,
      iscrowd: true,
      segmentation: { size: [10, 20], counts: [0, 200] },
    },
    {
      id: 3,
      image_id: 7,
      category_id: 3,
      bbox: [0, 0, 5, 5],
      area: 25,
      iscrowd: false,
      keypoints: [1, 2, 2, 0, 0, 0],
    },
  ]);
});

test('many rows, ids that are texts, no rows', async () => {
  const many = Array.from({ length: 60_000 }, (_, i) => ({
    ...image,
    image_id: i % 500,
    id: i,
    category_id: 3,
    bbox: [i, 1, 2, 3],
  }));
  const large = await readCocoTable(source(write(many)), 'x');
  expect(large.file.images).toHaveLength(500);
  expect(large.file.annotations.length).toBe(60_000);
  expect(large.file.annotations.at(59_999)).toMatchObject({
    id: 59_999,
    image_id: 499,
    bbox: [59_999, 1, 2, 3],
  });
  const named = rows.map((row) => ({ ...row, image_id: `id ${row.image_id}` }));
  expect(areNumbers(named.map(({ image_id }) => image_id))).toBe(false);
  const { file } = await readCocoTable(source(write(named, false)), 'x');
  expect(file.images.map(({ id }) => id)).toEqual(['id 7', 'id 8']);
  expect((await readCocoTable(source(write([])), 'x')).file.images).toEqual([]);
});

test('a table of other tools: plain columns, 32-bit numbers, no names, rows in any order', async () => {
  const bytes = new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'category_id', data: [2, 1, 2], type: 'INT32' },
        { name: 'file_name', data: ['b.jpg', 'a.jpg', 'b.jpg'], type: 'STRING' },
        { name: 'image_id', data: ['y', 'x', 'y'], type: 'STRING' },
        { name: 'iscrowd', data: [false, false, true], type: 'BOOLEAN' },
      ],
    }),
  );
  const { file, complaints } = await readCocoTable(source(bytes), 'x');
  expect(complaints).toEqual([]);
  expect(file.categories).toEqual([
    { id: 1, name: 'category 1' },
    { id: 2, name: 'category 2' },
  ]);
  expect([...file.annotations].map(({ id, image_id, iscrowd }) => [id, image_id, iscrowd])).toEqual([
    [1, 'y', false],
    [2, 'x', false],
    [3, 'y', true],
  ]);
});

test('the columns are named as they should be, in their order', async () => {
  const bytes = write(rows);
  const file = {
    byteLength: bytes.length,
    slice: (start: number, end?: number) => bytes.slice(start, end).buffer,
  };
  const [first] = await parquetReadObjects({ file });
  expect(Object.keys(first!).slice(0, 9).join(', ')).toBe(
    'image_id, file_name, width, height, category_id, bbox, segmentation, iscrowd, score',
  );
  expect(first).toMatchObject({
    image_id: 7n,
    segmentation: '[[0,0,4,0,4,3.5]]',
    category_name: 'cat',
    score: null,
  });
});

test('a footer is not believed before it is looked at', async () => {
  const good = write(rows);
  // The number of rows is a varint of the footer: each byte of it is made large in its turn.
  const footer = new DataView(good.buffer, good.byteOffset).getUint32(good.length - 8, true);
  let refused = 0;
  for (let at = good.length - 8 - footer; at < good.length - 8; at++) {
    const bytes = good.slice();
    bytes[at] = 0x7f;
    const error = await readCocoTable(source(bytes), 'x').then(
      () => undefined,
      (caught: unknown) => caught,
    );
    if (error === undefined) continue;
    expect(error, `byte ${at}`).toMatchObject({ exitCode: 3 });
    refused++;
  }
  expect(refused).toBeGreaterThan(footer / 4);
});

test('says what is wrong by its row, and what is no table', async () => {
  const bad = [rows[0]!, { ...rows[0]!, bbox: [1, 2] }, { ...rows[0]!, segmentation: 'x' }];
  const { complaints } = await readCocoTable(source(write(bad)), 'x');
  expect(complaints.map(({ path }) => path)).toEqual(['rows[1].bbox', 'rows[2].segmentation']);
  for (const bytes of [
    new Uint8Array(),
    new Uint8Array(100),
    write(rows).slice(0, -9),
    write(rows).slice(20),
  ]) {
    await expect(readCocoTable(source(bytes), 'x')).rejects.toMatchObject({
      code: 'table_invalid',
      exitCode: 3,
    });
  }
  const other = new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'a', data: [1], type: 'INT32' }] }));
  await expect(readCocoTable(source(other), 'x')).rejects.toMatchObject({ code: 'table_columns' });
});
