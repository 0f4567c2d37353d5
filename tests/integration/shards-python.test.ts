/**
 * Shards in Python: webdataset, whose layout they have, reads every picture with its annotations.
 *
 * Needs a Python environment; it is installed by `bash scripts/python.sh tables`.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type DataSettings, generateSampleDataset, openDataset, shardDataset } from '../../src/data/index.ts';
import { pythonScript } from '../support/python-script.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-webdataset-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Sample {
  readonly key: string;
  readonly sha256: string;
  readonly sample: {
    readonly file_name: string;
    readonly width: number;
    readonly annotations: readonly { readonly category_id: number; readonly bbox: readonly number[] }[];
  };
}

it('webdataset reads them: every picture once, byte by byte, with its objects', async () => {
  const made = await generateSampleDataset({
    out: join(folder, 'set'),
    images: { train: 20, val: 2 },
    size: 32,
    objects: 3,
  });
  const data = made.paths as unknown as DataSettings;
  const out = join(folder, 'shards');
  const [train] = await shardDataset(data, { out, needsBoxes: true, shardBytes: 30_000 });
  expect(train!.shards).toBeGreaterThan(2);
  const names = (await readdir(train!.path)).filter((name) => name.endsWith('.tar')).sort();
  const archives = names.map((name) => join(train!.path, name));
  const script = 'tests/integration/interop/with_webdataset.py';
  const seen = await pythonScript<Sample[]>('tables', script, archives);
  const { records } = await openDataset(data, 'train', { task: 'detection' });
  expect(seen.map(({ sample }) => sample.file_name).sort()).toEqual(
    records.map(({ fileName }) => fileName).sort(),
  );
  for (const { sha256, sample } of seen) {
    const bytes = await readFile(join(folder, 'set/train', sample.file_name));
    expect(sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    const record = records.find(({ fileName }) => fileName === sample.file_name)!;
    expect(sample.width).toBe(record.width);
    expect(sample.annotations.map(({ bbox }) => bbox)).toEqual(
      record.annotations.map(({ bbox }) => [...bbox!]),
    );
  }
}, 120_000);
