/**
 * Tables (Parquet) in Python: pyarrow, which has Spark's types, reads what we write, and we read what it writes.
 *
 * Needs a Python environment; it is installed by `bash scripts/python.sh tables`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { convertDataset, openDataset } from '../../src/data/index.ts';
import { pythonScript } from '../support/python-script.ts';
import { type BuiltThreads, buildThreads } from '../support/threads.ts';

const images = '../shared/data/coco_permissive53/val2017';
let folder: string;
/** Tables are read in one. */
let threads: BuiltThreads;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-tables-'));
  threads = await buildThreads({ annotations: true });
  threads.use();
}, 120_000);
afterAll(async () => {
  await threads?.dispose();
  await rm(folder, { recursive: true, force: true });
});

interface Read {
  readonly types: Readonly<Record<string, string>>;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

it('annotations: the types that Spark reads, the same objects there and back', async () => {
  const ours = join(folder, 'ours.parquet');
  const theirs = join(folder, 'theirs.parquet');
  await convertDataset({ from: images, format: 'coco', out: ours });
  const { types, rows } = await pythonScript<Read>('tables', 'tests/integration/interop/with_pyarrow.py', [
    ours,
    theirs,
  ]);
  expect(Object.entries(types).slice(0, 9)).toEqual([
    ['image_id', 'int64'],
    ['file_name', 'string'],
    ['width', 'int32'],
    ['height', 'int32'],
    ['category_id', 'int64'],
    ['bbox', expect.stringMatching(/^list<element: double( not null)?>$/)],
    ['segmentation', 'string'],
    ['iscrowd', 'int32'],
    ['score', 'double'],
  ]);
  const data = { train_data_path: images, val_data_path: '' };
  const files = await openDataset(data, 'train', { task: 'detection' });
  expect(rows.filter(({ bbox }) => bbox !== null)).toHaveLength(
    files.records.reduce((sum, { annotations }) => sum + annotations.length, 0),
  );
  for (const table of [ours, theirs]) {
    const read = await openDataset({ ...data, train_annotation_file: table }, 'train', { task: 'detection' });
    expect(read.records).toEqual(files.records);
    // Theirs lists the classes that occur.
    if (table === ours) expect(read.digest).toBe(files.digest);
  }
});
