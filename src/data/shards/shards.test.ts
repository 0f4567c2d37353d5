/** Shards: what is packed, and that training on them is training on the files. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listTar } from '../../formats/tar/index.ts';
import { type DataSettings, Loader, openDataset, shardDataset } from '../index.ts';
import { augmentations, collect, detr, options } from '../loader.test-data.ts';
import { generateSampleDataset } from '../sample/generate.ts';

let root: string;
let coco: DataSettings;
let folders: DataSettings;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ocelli-shards-'));
  const shapes = { images: { train: 30, val: 5 }, size: 48 };
  const made = await generateSampleDataset({ out: join(root, 'coco'), objects: 3, ...shapes });
  coco = made.paths as unknown as DataSettings;
  const sorted = await generateSampleDataset({ out: join(root, 'folders'), layout: 'folder', ...shapes });
  folders = sorted.paths as unknown as DataSettings;
});
afterAll(() => rm(root, { recursive: true, force: true }));

const shard = (data: DataSettings, name: string, needsBoxes: boolean) =>
  shardDataset(data, { out: join(root, name), needsBoxes, shardBytes: 20_000 });
const settingsOf = (splits: Awaited<ReturnType<typeof shard>>): DataSettings =>
  Object.fromEntries(
    splits.map(({ split, path }) => [`${split}_data_path`, path]),
  ) as unknown as DataSettings;

test.each([
  ['detection', () => coco],
  ['classification', () => folders],
] as const)('%s: the records, the digest and the batches of the files', async (task, data) => {
  const splits = await shard(data(), `shards-${task}`, task === 'detection');
  expect(splits.map(({ split, images, setAside }) => [split, images, setAside])).toEqual([
    ['train', 30, []],
    ['val', 5, []],
  ]);
  expect(splits[0]!.shards).toBeGreaterThan(2);
  for (const split of ['train', 'val'] as const) {
    const files = await openDataset(data(), split, { task });
    const shards = await openDataset(settingsOf(splits), split, { task });
    expect(shards.format).toBe('shards');
    expect(shards.records).toEqual(files.records);
    expect(shards.classes.categories).toEqual(files.classes.categories);
    expect(shards.digest).toBe(files.digest);
    const settings = { task, sampler: 'shuffle', augmentations, processorConfig: detr } as const;
    const expected = await collect(new Loader(await options({ dataset: files, ...settings })));
    expect(await collect(new Loader(await options({ dataset: shards, ...settings })))).toEqual(expected);
  }
});

test("archives in WebDataset's layout, which Python's tarfile reads; the same bytes each time", async () => {
  await shard(coco, 'a', true);
  await shard(coco, 'b', true);
  const names = await readdir(join(root, 'a/train'));
  expect(names).toEqual(await readdir(join(root, 'b/train')));
  for (const name of names) {
    expect(await readFile(join(root, 'a/train', name))).toEqual(await readFile(join(root, 'b/train', name)));
  }
  const [first] = names.filter((name) => name.endsWith('.tar'));
  const path = join(root, 'a/train', first!);
  const archive = await readFile(path);
  const members = listTar(archive);
  expect(members[0]!.name).toMatch(/^\d{9}\.png$/);
  expect(members[1]!.name).toBe(members[0]!.name.replace('.png', '.json'));
  const sample = JSON.parse(archive.subarray(members[1]!.start, members[1]!.end).toString()) as Record<
    string,
    unknown
  >;
  expect(sample).toMatchObject({
    file_name: expect.stringMatching(/png$/),
    width: 48,
    annotations: expect.any(Array),
  });
  const script =
    'import sys,tarfile; t=tarfile.open(sys.argv[1]); print("\\n".join(m.name+" "+str(m.size) for m in t))';
  const listed = execFileSync('python3', ['-c', script, path], { encoding: 'utf8' }).trim().split('\n');
  expect(listed).toEqual(members.map(({ name, start, end }) => `${name} ${end - start}`));
});

test('training pictures are dealt to the shards at random, others stay in their order', async () => {
  await shard(coco, 'dealt', true);
  const orderOf = async (split: string): Promise<string[]> => {
    const index = JSON.parse(await readFile(join(root, 'dealt', split, 'shards.json'), 'utf8')) as {
      shards: { files: [name: string, start: number, length: number][] }[];
    };
    return index.shards.flatMap(({ files }) => files.map(([name]) => name));
  };
  const [train, val] = [await orderOf('train'), await orderOf('val')];
  expect(train).not.toEqual(train.toSorted());
  expect(new Set(train).size).toBe(30);
  expect(val).toEqual(val.toSorted());
});

test('packed again into the same folder: nothing of before is left, nor believed when it breaks off', async () => {
  await shard(coco, 'again', true);
  const train = join(root, 'again/train');
  const before = await readdir(train);
  expect(before.length).toBeGreaterThan(4);
  await writeFile(join(train, '99999.tar'), 'of somebody else');
  const stop = new AbortController();
  const out = join(root, 'again');
  const onProgress = (_: string, done: number): void => {
    if (done === 12) stop.abort(new Error('enough'));
  };
  const broken = shardDataset(coco, {
    out,
    needsBoxes: true,
    shardBytes: 10_000,
    signal: stop.signal,
    onProgress,
  });
  await expect(broken).rejects.toThrow('enough');
  expect(await readdir(train)).not.toContain('shards.json');
  await shard(coco, 'again', true);
  expect(await readdir(train)).toEqual([...before, '99999.tar'].sort());
  await shardDataset(coco, { out, needsBoxes: true });
  expect(await readdir(train)).toEqual(['00000.tar', '99999.tar', 'annotations.json', 'shards.json']);
  const itself = { train_data_path: `${train}/`, val_data_path: '' } as unknown as DataSettings;
  await expect(shardDataset(itself, { out, needsBoxes: true })).rejects.toMatchObject({
    code: 'shards_onto_themselves',
    exitCode: 2,
  });
});

test('a picture that can not be read is told, and set aside by the loader', async () => {
  const made = await generateSampleDataset({
    out: join(root, 'gaps'),
    images: { train: 30, val: 2 },
    size: 32,
  });
  await unlink(join(root, 'gaps/train/000004.png'));
  const splits = await shard(made.paths as unknown as DataSettings, 'gaps-shards', false);
  expect(splits[0]!.setAside.map(({ fileName, code }) => [fileName, code])).toEqual([
    ['000004.png', 'file_missing'],
  ]);
  const dataset = await openDataset(settingsOf(splits), 'train', { task: 'classification' });
  const loader = new Loader(await options({ dataset }));
  const batches = await collect(loader);
  expect(batches.reduce((sum, { count }) => sum + count, 0)).toBe(29);
  expect(loader.setAside.map(({ code }) => code)).toEqual(['file_missing']);
});

test.each([
  ['{', /JSON/],
  ['{"format":"ocelli-shards","version":2}', /version/],
  [
    '{"format":"ocelli-shards","version":1,"annotations":"a","has_boxes":true,"shards":[{"path":"x","size":5,"files":[["a",0,6]]}]}',
    /past the end/,
  ],
])('an index that is wrong says so: %s', async (text, reason) => {
  const place = await mkdtemp(join(root, 'wrong-'));
  await writeFile(join(place, 'shards.json'), text);
  const data = { train_data_path: place, val_data_path: place };
  await expect(openDataset(data, 'train', { task: 'detection' })).rejects.toMatchObject({
    code: 'shards_invalid',
    exitCode: 3,
    message: reason,
  });
});
