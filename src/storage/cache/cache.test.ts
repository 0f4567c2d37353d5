/** The cache of far content: what is kept, what is thrown away, and that nothing can go wrong because of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'vite';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { files } from '#platform';
import type { Volume } from '../volume.ts';
import { ContentCache, cachedVolume } from './index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-cache-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A volume in memory that counts what is asked of it. */
class FarVolume implements Volume {
  readonly reads: string[] = [];
  lists = 0;

  constructor(
    readonly location: string,
    readonly content: Record<string, Uint8Array>,
    readonly versions: Record<string, string> = {},
  ) {}

  async *list(prefix: string) {
    this.lists++;
    for (const path of Object.keys(this.content).sort()) {
      if (!path.startsWith(prefix)) continue;
      yield { path, size: this.content[path]!.length, version: this.versions[path] ?? 'v1' };
    }
  }

  open(path: string) {
    return {
      path,
      size: async () => this.content[path]!.length,
      read: async (range?: { start: number; end: number }) => {
        this.reads.push(range ? `${path} ${range.start}-${range.end}` : path);
        return range ? this.content[path]!.slice(range.start, range.end) : this.content[path]!.slice();
      },
    };
  }

  async write(): Promise<void> {}
  async remove(): Promise<void> {}
}

const bytes = (length: number, seed = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7 + (i >> 8)) & 255);
const open = (limit = 1e9, onTrouble?: (message: string) => void): ContentCache =>
  new ContentCache({ folder, limit, onTrouble });
const entries = async (below = folder): Promise<string[]> =>
  (await readdir(below, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name !== 'used')
    .map((entry) => join(entry.parentPath, entry.name));

test('what was read once is read from the disk, by the next process too', async () => {
  const far = new FarVolume('s3://b/train', {
    'a.jpg': bytes(1000),
    'b.jpg': bytes(2000, 1),
    'z.txt': bytes(3),
  });
  const cache = open();
  const volume = cachedVolume(far, '', cache);
  for (let epoch = 0; epoch < 2; epoch++) {
    expect(await volume.open('a.jpg').read()).toEqual(bytes(1000));
    expect(await volume.open('b.jpg').read()).toEqual(bytes(2000, 1));
  }
  expect(far.reads).toEqual(['a.jpg', 'b.jpg']);
  await cache.settled();
  const again = cachedVolume(far, '', open());
  expect(await again.open('b.jpg').read()).toEqual(bytes(2000, 1));
  expect(await again.open('b.jpg').read({ start: 10, end: 20 })).toEqual(bytes(2000, 1).slice(10, 20));
  expect(await again.open('b.jpg').size()).toBe(2000);
  expect(far.reads).toHaveLength(2);
  expect(far.lists).toBe(2);
  // Past what is kept, for who wants to know whether it can still be had.
  expect(await again.open('b.jpg').fresh?.read({ start: 0, end: 1 })).toEqual(bytes(2000, 1).slice(0, 1));
  expect(far.reads.at(-1)).toBe('b.jpg 0-1');
});

test('another version, path or place is other content', async () => {
  const first = new FarVolume('s3://b', { 'a.jpg': bytes(10) });
  const cache = open();
  await cachedVolume(first, '', cache).open('a.jpg').read();
  const changed = new FarVolume('s3://b', { 'a.jpg': bytes(10, 5) }, { 'a.jpg': 'v2' });
  expect(await cachedVolume(changed, '', cache).open('a.jpg').read()).toEqual(bytes(10, 5));
  const other = new FarVolume('s3://c', { 'a.jpg': bytes(10, 6) });
  expect(await cachedVolume(other, '', cache).open('a.jpg').read()).toEqual(bytes(10, 6));
});

test('large files are kept in blocks; missing neighbours are one request', async () => {
  const content = bytes(5.5 * 2 ** 20);
  const far = new FarVolume('s3://b', { 'shard.tar': content });
  const cache = open();
  const source = cachedVolume(far, '', cache).open('shard.tar');
  const block = 2 ** 20;
  const read = async (start: number, end: number): Promise<void> =>
    expect(Buffer.compare(await source.read({ start, end }), content.subarray(start, end))).toBe(0);
  await read(block + 5, block + 9);
  await read(10, 3 * block + 1);
  await read(5 * block - 1, content.length);
  await cache.settled();
  await read(0, content.length);
  await read(2 * block - 1, 2 * block + 1);
  expect(far.reads).toEqual([
    `shard.tar ${block}-${2 * block}`,
    `shard.tar 0-${block}`,
    `shard.tar ${2 * block}-${4 * block}`,
    `shard.tar ${4 * block}-${content.length}`,
  ]);
  await expect(source.read({ start: 0, end: content.length + 1 })).rejects.toMatchObject({
    code: 'range_outside_file',
  });
});

test('a listing that lies about a size is an error, not memory for what is not there', async () => {
  const far = new FarVolume('s3://b', { 'small.jpg': bytes(50), 'large.tar': bytes(3 << 20) });
  const read = far.open.bind(far);
  far.open = (path) => ({
    ...read(path),
    read: async (range) => {
      const { length } = far.content[path]!;
      if (range && range.end > length) throw new Error(`a file of ${length} bytes`);
      return read(path).read(range);
    },
  });
  far.list = async function* () {
    yield { path: 'large.tar', size: Number.MAX_SAFE_INTEGER, version: 'v1' };
    yield { path: 'small.jpg', size: 100, version: 'v1' };
  };
  const volume = cachedVolume(far, '', open());
  await expect(volume.open('large.tar').read()).rejects.toThrow(`a file of ${3 << 20} bytes`);
  await expect(volume.open('small.jpg').read({ start: 10, end: 80 })).rejects.toMatchObject({
    code: 'range_outside_file',
  });
  expect(await volume.open('small.jpg').read()).toEqual(bytes(50));
});

test.each([
  ['cut off', (path: string) => truncate(path, 40)],
  ['emptied', (path: string) => truncate(path, 0)],
  ['longer', (path: string) => appendFile(path, 'x')],
  [
    'changed in one bit',
    async (path: string) => {
      const file = await readFile(path);
      file[file.length - 3]! ^= 1;
      await writeFile(path, file);
    },
  ],
])('an entry that is %s is fetched again', async (_, spoil) => {
  const far = new FarVolume('s3://b', { 'a.jpg': bytes(1000) });
  const cache = open();
  const source = cachedVolume(far, '', cache).open('a.jpg');
  await source.read();
  await cache.settled();
  for (const path of await entries()) await spoil(path);
  expect(await source.read()).toEqual(bytes(1000));
  await cache.settled();
  expect(await source.read()).toEqual(bytes(1000));
  expect(far.reads).toHaveLength(2);
  expect(cache.statistics.corrupted).toBe(1);
});

test('bounded: places that were not used for longest go first, those of the present run stay', async () => {
  const content = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}.jpg`, bytes(1000, i)]));
  let fetched: readonly string[] = [];
  const read = async (cache: ContentCache, location: string): Promise<number> => {
    const far = new FarVolume(location, content);
    const volume = cachedVolume(far, '', cache);
    for (const path of Object.keys(content)) {
      await volume.open(path).read();
      await cache.settled();
    }
    fetched = far.reads;
    return far.reads.length;
  };
  const size = async (): Promise<number> =>
    (await Promise.all((await entries()).map(async (path) => (await readFile(path)).length))).reduce(
      (a, b) => a + b,
      0,
    );
  const limit = 90_000;
  await read(open(limit), 's3://old');
  await new Promise((resolve) => setTimeout(resolve, 20));
  await read(open(limit), 's3://new');
  expect(await size()).toBeLessThanOrEqual(limit);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await read(open(limit), 's3://newest');
  expect(await size()).toBeLessThanOrEqual(limit);
  // Of the oldest place next to nothing is left, the newest is there.
  expect(await read(open(limit), 's3://newest')).toBe(0);
  // Of the one between little is missing: what was written first.
  expect(await read(open(limit), 's3://new')).toBeLessThan(20);
  expect(fetched).toEqual(fetched.map((_, i) => `${i}.jpg`));
  // A place that is larger than the cache keeps what fits, instead of pushing out what comes next.
  await rm(folder, { recursive: true });
  const small = open(20_000);
  await read(small, 's3://large');
  const second = await read(small, 's3://large');
  expect(second).toBeGreaterThan(0);
  expect(second).toBeLessThan(30);
  expect(await size()).toBeLessThanOrEqual(20_000);
});

test('never more than half of what the disk would have free without it, however long it goes on', async () => {
  const size = async (): Promise<number> =>
    (await Promise.all((await entries()).map(async (path) => (await readFile(path)).length))).reduce(
      (a, b) => a + b,
      0,
    );
  const free = vi.spyOn(files, 'freeBytes').mockImplementation(async () => 30_000 - (await size()));
  try {
    const content = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`${i}.jpg`, bytes(500, i)]));
    const cache = open(1e6);
    const volume = cachedVolume(new FarVolume('s3://b', content), '', cache);
    for (const path of Object.keys(content)) {
      await volume.open(path).read();
      await cache.settled();
    }
    expect(free.mock.calls.length).toBeGreaterThan(3);
    expect(await size()).toBeGreaterThan(5000);
    // It is looked at again after every twentieth of it.
    expect(await size()).toBeLessThanOrEqual(15_000 * 1.05);
  } finally {
    free.mockRestore();
  }
});

test('a disk that takes nothing is said once, and reading goes on', async () => {
  const far = new FarVolume('s3://b', { a: bytes(10), b: bytes(10, 1) });
  await writeFile(join(folder, 'file'), '');
  const troubles: string[] = [];
  const cache = new ContentCache({
    folder: join(folder, 'file/below'),
    limit: 1e6,
    onTrouble: (message) => troubles.push(message),
  });
  const volume = cachedVolume(far, '', cache);
  for (const path of ['a', 'b', 'a']) {
    await volume.open(path).read();
    await cache.settled();
  }
  expect(far.reads).toEqual(['a', 'b', 'a']);
  expect(troubles).toEqual([expect.stringContaining('no longer kept')]);
});

test('a volume that can not be listed is read without a cache, and that is said', async () => {
  const far = new FarVolume('s3://b', { a: bytes(10) });
  far.list = async function* () {
    yield* [];
    throw new Error('403');
  };
  const troubles: string[] = [];
  const listener = (message: string): void => void troubles.push(message);
  // As train and val are opened: each with a prefix and a cache of its own, once to be told.
  for (const prefix of ['', 'val', 'a.json']) {
    const volume = cachedVolume(far, prefix, open(), listener);
    expect(await volume.open('a').read()).toEqual(bytes(10));
  }
  expect(troubles).toEqual([expect.stringContaining("can't be listed: 403")]);
  expect(await entries()).toEqual([]);
});

test('two processes fill and trim one folder at once, and read nothing but what was written', async () => {
  // Packages are found from here.
  const built = resolve(`.cache/cache-test-${process.pid}`);
  await build({
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: true,
      outDir: built,
      emptyOutDir: false,
      rollupOptions: {
        input: join(import.meta.dirname, 'index.ts'),
        output: { entryFileNames: 'cache.mjs' },
      },
    },
  });
  const shared = join(folder, 'shared');
  // Ten places of 30 files each; room for a third of them.
  const program = `
    const { ContentCache } = await import(${JSON.stringify(join(built, 'cache.mjs'))});
    const cache = new ContentCache({ folder: ${JSON.stringify(shared)}, limit: 400_000 });
    const content = (place, file) => Uint8Array.from({ length: 4000 }, (_, i) => (place * 30 + file + i) & 255);
    let wrong = 0;
    for (let round = 0; round < 20; round++) {
      for (let file = 0; file < 30; file++) {
        const place = Math.floor(Math.random() * 10);
        const found = await cache.read('place ' + place, [String(file)]);
        if (!found) await cache.write('place ' + place, [String(file)], content(place, file));
        else if (Buffer.compare(found, content(place, file)) !== 0) wrong++;
      }
    }
    await cache.settled();
    console.log(JSON.stringify({ wrong, ...cache.statistics }));`;
  const run = async (): Promise<Record<string, number>> => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(0);
    return JSON.parse(text) as Record<string, number>;
  };
  const results = await Promise.all([run(), run()]).finally(() =>
    rm(built, { recursive: true, force: true }),
  );
  for (const { wrong, corrupted, written, hits, evicted } of results) {
    expect({ wrong, corrupted }).toEqual({ wrong: 0, corrupted: 0 });
    expect(Math.min(written!, hits!, evicted!)).toBeGreaterThan(0);
  }
  const total = async (): Promise<number> => {
    const sizes = await Promise.all(
      (await entries(shared)).map(async (path) => (await readFile(path)).length),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  };
  // Each process looks after the limit by itself: while a look takes long, it doesn't see what the other one writes.
  expect(await total()).toBeLessThan(2 * 400_000 * 1.05);
  // Whoever writes next brings it back below.
  const next = new ContentCache({ folder: shared, limit: 400_000 });
  await next.write('place 0', ['next'], bytes(4000));
  await next.settled();
  expect(await total()).toBeLessThan(400_000 * 1.05);
});
