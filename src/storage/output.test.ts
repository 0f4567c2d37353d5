/** Results that go to a far place: copied as they change, whole checkpoints or none, and fetched again. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { files } from '#platform';
import { DataError } from '../core/index.ts';
import { type ByteSource, type Entry, OutputFolder, registerVolume, type Volume } from './index.ts';

/** Files in memory, with a log of what was done to them. */
class MemoryVolume implements Volume {
  readonly location = 'memory:';
  readonly files = new Map<string, Uint8Array>();
  readonly log: string[] = [];
  broken = false;
  /** Below these no byte more fits. */
  full: string | undefined;
  /** As where folders are things: one that is not there can't be listed. */
  hasFolders = false;

  async *list(prefix: string): AsyncIterable<Entry> {
    if (this.hasFolders && ![...this.files.keys()].some((path) => path.startsWith(prefix))) {
      throw new DataError({ code: 'file_missing', expected: prefix, received: '404', fix: 'none' });
    }
    for (const [path, bytes] of [...this.files].toSorted())
      if (path.startsWith(prefix)) yield { path, size: bytes.byteLength, version: '1' };
  }

  open(path: string): ByteSource {
    return {
      path,
      size: async () => this.files.get(path)!.byteLength,
      read: async () => this.files.get(path)!,
    };
  }

  async write(path: string, bytes: Uint8Array | string): Promise<void> {
    if (this.broken) throw new Error('out of order');
    if (this.full !== undefined && path.includes(this.full)) throw new Error('no room');
    this.log.push(`write ${path}`);
    this.files.set(path, typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes);
  }

  async remove(path: string): Promise<void> {
    if (this.files.delete(path)) this.log.push(`remove ${path}`);
  }
}

let folder: string;
let volume: MemoryVolume;
let forget: () => void;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-output-'));
  volume = new MemoryVolume();
  forget = registerVolume({
    name: 'memory:',
    matches: (place) => place.startsWith('memory:'),
    open: async (place) => ({ volume, path: place.slice('memory:'.length) }),
  });
});
afterEach(async () => {
  forget();
  await rm(folder, { recursive: true, force: true });
});

const open = () => OutputFolder.open('memory:runs/first/', folder);

async function checkpoint(output: OutputFolder, name: string, content: string): Promise<void> {
  for (const file of ['model.safetensors', 'state.json'])
    await files.write(`${output.path}/checkpoints/${name}/${file}`, content);
}

test('a place on this machine is the folder itself', async () => {
  const output = await OutputFolder.open(join(folder, 'new/run'));
  expect(output).toMatchObject({ path: join(folder, 'new/run'), place: undefined });
  await output.begin();
  await output.send();
  expect(await readdir(folder)).toEqual([]);
});

test('copies what is new or changed, and takes away what is gone', async () => {
  const output = await open();
  expect(output).toMatchObject({ path: join(folder, 'first'), place: 'memory:runs/first' });
  await files.write(`${output.path}/recipe.yaml`, 'a: 1');
  await output.begin();
  await output.send();
  expect([...volume.files.keys()]).toEqual(['runs/first/recipe.yaml']);
  await checkpoint(output, 'step-1', 'one');
  await files.write(`${output.path}/checkpoints/.writing-last/model.safetensors`, 'half');
  await output.send();
  expect(volume.log.slice(1)).toEqual([
    'write runs/first/checkpoints/step-1/model.safetensors',
    'write runs/first/checkpoints/step-1/state.json',
  ]);
  volume.log.length = 0;
  await output.send();
  expect(volume.log).toEqual([]);
  await files.remove(`${output.path}/checkpoints/step-1`);
  await checkpoint(output, 'step-2', 'two');
  await output.send();
  expect([...volume.files.keys()].filter((path) => path.includes('step'))).toEqual([
    'runs/first/checkpoints/step-2/model.safetensors',
    'runs/first/checkpoints/step-2/state.json',
  ]);
});

test('a checkpoint that is replaced is never whole with files of two times', async () => {
  const output = await open();
  await checkpoint(output, 'last', 'old');
  await output.send();
  volume.log.length = 0;
  await checkpoint(output, 'last', 'newer');
  await output.send();
  expect(volume.log).toEqual([
    'remove runs/first/checkpoints/last/state.json',
    'write runs/first/checkpoints/last/model.safetensors',
    'write runs/first/checkpoints/last/state.json',
  ]);
});

test('what could not be copied is copied the next time', async () => {
  const output = await open();
  await files.write(`${output.path}/a.txt`, 'a');
  volume.broken = true;
  await expect(output.send()).rejects.toThrow('out of order');
  volume.broken = false;
  await output.send();
  expect([...volume.files.keys()]).toEqual(['runs/first/a.txt']);
});

test('a volume that is full loses one checkpoint at most, and none for what is not written', async () => {
  const output = await open();
  for (const name of ['best', 'last', 'step-1']) await checkpoint(output, name, 'old');
  await output.send();
  for (const name of ['best', 'last', 'step-2']) await checkpoint(output, name, 'newer');
  await files.remove(`${output.path}/checkpoints/step-1`);
  await files.write(`${output.path}/events.jsonl`, 'a');
  const states = (): string[] => [...volume.files.keys()].filter((path) => path.endsWith('state.json'));
  volume.full = 'events';
  await expect(output.send()).rejects.toThrow('no room');
  expect(states()).toHaveLength(3);
  volume.full = 'checkpoints';
  await expect(output.send()).rejects.toThrow('no room');
  expect(states()).toEqual(['last', 'step-1'].map((name) => `runs/first/checkpoints/${name}/state.json`));
  volume.full = undefined;
  await output.send();
  expect(states().sort()).toEqual(
    ['best', 'last', 'step-2'].map((name) => `runs/first/checkpoints/${name}/state.json`),
  );
  expect([...volume.files.values()].map((bytes) => new TextDecoder().decode(bytes))).not.toContain('old');
});

test('a place whose folder is not there yet is as good as an empty one', async () => {
  volume.hasFolders = true;
  const output = await open();
  await output.checkUnused();
  await files.write(`${output.path}/recipe.yaml`, 'a: 1');
  await output.begin();
  await output.send();
  await (await OutputFolder.openExisting(output.path)).send();
  await expect(OutputFolder.openExisting('memory:runs/none')).rejects.toMatchObject({ code: 'not_a_run' });
});

test('a place with a run is not given to a second one', async () => {
  volume.files.set('runs/first/checkpoints/last/state.json', new Uint8Array(1));
  await expect((await open()).checkUnused()).rejects.toMatchObject({ code: 'run_folder_taken', exitCode: 2 });
});

test('a run goes on in the folder that says where it is copied to', async () => {
  const first = await open();
  await files.write(`${first.path}/recipe.yaml`, 'a: 1');
  await first.begin();
  await checkpoint(first, 'step-1', 'one');
  await first.send();
  await files.remove(`${first.path}/checkpoints/step-1`);
  const again = await OutputFolder.openExisting(first.path);
  expect(again.place).toBe('memory:runs/first');
  await again.send();
  expect([...volume.files.keys()].some((path) => path.includes('step-1'))).toBe(false);
  await writeFile(join(folder, 'plain'), '');
  expect((await OutputFolder.openExisting(folder)).place).toBeUndefined();
});

test('a run is fetched where nothing is here, and nothing here is mistaken for it', async () => {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  volume.files.set('runs/first/recipe.yaml', encode('a: 1'));
  volume.files.set('runs/first/events.jsonl', encode('{}\n{}\n'));
  volume.files.set('runs/first/checkpoints/last/state.json', encode('{}'));
  const before = process.cwd();
  try {
    process.chdir(folder);
    const fetched = await OutputFolder.openExisting('memory:runs/first');
    expect(fetched.path).toBe('runs/first');
    expect(new TextDecoder().decode(await files.read('runs/first/checkpoints/last/state.json'))).toBe('{}');
    await files.append('runs/first/events.jsonl', '{}\n');
    await OutputFolder.openExisting('memory:runs/first');
    volume.files.set('runs/first/events.jsonl', encode('{}\n'.repeat(9)));
    const taken = { code: 'run_folder_taken', exitCode: 2 };
    await expect(OutputFolder.openExisting('memory:runs/first')).rejects.toMatchObject(taken);
    volume.files.set('other/first/recipe.yaml', encode('b: 1'));
    await expect(OutputFolder.openExisting('memory:other/first')).rejects.toMatchObject(taken);
    await expect(OutputFolder.openExisting('memory:runs/none')).rejects.toMatchObject({
      code: 'not_a_run',
      exitCode: 3,
    });
  } finally {
    process.chdir(before);
  }
});
