/**
 * What every kind of volume must do, as tests. `open` gives an empty volume; `raw` reads and writes behind its back,
 * where the kind has another way in, so that a volume isn't only tested against itself.
 */
import { expect, test } from 'vitest';
import { type Entry, hasFiles, type Volume } from '../../src/storage/index.ts';

export interface VolumeUnderTest {
  readonly volume: Volume;
  /** A file as it lies on the server; undefined: not there. */
  readonly stored: (path: string) => Promise<Uint8Array | undefined>;
  /** Puts a file there without the volume. */
  readonly place: (path: string, bytes: Uint8Array) => Promise<void>;
}

export interface ContractOptions {
  /** Volumes that only read: `place` fills them. */
  readonly readOnly?: boolean;
}

/** A listing as an array. */
export async function listAll(volume: Volume, prefix: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of volume.list(prefix)) entries.push(entry);
  return entries;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

/** Names that break URLs that are put together carelessly. */
const oddNames = [
  'plain.txt',
  'with space.txt',
  'plus+sign&and=more.txt',
  'percent%20literal.txt',
  'hash#question?.txt',
  "quotes'()!*,;@$.txt",
  'ümläut/日本語/🦊.txt',
  'deep/er/file.txt',
  'deep-er.txt',
  'deep.txt',
];

export function volumeContract(open: () => VolumeUnderTest, options: ContractOptions = {}): void {
  const list = async (prefix: string): Promise<string[]> =>
    (await listAll(open().volume, prefix)).map(({ path }) => path);
  const put = async (path: string, content: string): Promise<void> => {
    const { volume, place } = open();
    if (options.readOnly) await place(path, encode(content));
    else await volume.write(path, content);
  };

  test('reads what was put there: whole, ranges, size, under odd names', async () => {
    for (const name of oddNames) {
      const path = `names/${name}`;
      await open().place(path, encode(`0123456789 ${name}`));
      const source = open().volume.open(path);
      expect(decode(await source.read())).toBe(`0123456789 ${name}`);
      expect(decode(await source.read({ start: 2, end: 5 }))).toBe('234');
      expect(await source.read({ start: 4, end: 4 })).toHaveLength(0);
      expect(await source.size()).toBe(encode(`0123456789 ${name}`).byteLength);
    }
  });

  test('lists what is below a prefix in ascending order, with sizes and versions', async () => {
    await put('listing/a/z.txt', 'z');
    await put('listing/a-more.txt', 'more');
    await put('listing/a.json', '{}');
    await put('listing/b.txt', '0123456789');
    expect(await list('listing/')).toEqual([
      'listing/a-more.txt',
      'listing/a.json',
      'listing/a/z.txt',
      'listing/b.txt',
    ]);
    expect(await list('listing/a/')).toEqual(['listing/a/z.txt']);
    expect(await list('listing/b')).toEqual(['listing/b.txt']);
    expect(await list('listing/b.txt')).toEqual(['listing/b.txt']);
    const { volume } = open();
    expect(await hasFiles(volume, 'listing/')).toBe(true);
    expect(await hasFiles(volume, 'listing/a/')).toBe(true);
    expect(await hasFiles(volume, 'listing/none')).toBe(false);
    const version = async (): Promise<string> => {
      const [entry] = await listAll(open().volume, 'listing/b.txt');
      expect(entry!.size).toBeGreaterThan(0);
      expect(entry!.version).not.toBe('');
      return entry!.version;
    };
    const before = await version();
    expect(await version()).toBe(before);
    await put('listing/b.txt', 'something else');
    expect(await version()).not.toBe(before);
  });

  test('finds listed names again', async () => {
    for (const name of oddNames) await put(`odd/${name}`, name);
    const found = await list('odd/');
    expect(new Set(found)).toEqual(new Set(oddNames.map((name) => `odd/${name}`)));
    for (const path of found) expect(decode(await open().volume.open(path).read())).toBe(path.slice(4));
  });

  test('an empty file is a file', async () => {
    await put('empty', '');
    const source = open().volume.open('empty');
    expect(await source.size()).toBe(0);
    expect(await source.read()).toHaveLength(0);
  });

  test('what is missing, and a range past the end, are DataErrors', async () => {
    await put('short.txt', '0123456789');
    await expect(open().volume.open('none.txt').read()).rejects.toMatchObject({
      code: 'file_missing',
      exitCode: 3,
    });
    for (const range of [
      { start: 5, end: 11 },
      { start: 10, end: 12 },
      { start: 30, end: 31 },
    ]) {
      await expect(open().volume.open('short.txt').read(range)).rejects.toMatchObject({
        code: 'range_outside_file',
        exitCode: 3,
      });
    }
  });

  test('no path leads out of the volume', async () => {
    const { volume } = open();
    for (const path of ['../secret', 'a/../../secret', '/etc/passwd', 'a\0b', 'C:/x']) {
      const refused = { code: 'path_outside_root', exitCode: 3 };
      await expect((async () => volume.open(path).read())()).rejects.toMatchObject(refused);
      if (options.readOnly) continue;
      await expect((async () => volume.write(path, 'x'))()).rejects.toMatchObject(refused);
      await expect((async () => volume.remove(path))()).rejects.toMatchObject(refused);
    }
  });

  test('a signal ends a read', async () => {
    await put('short.txt', '0123456789');
    await expect(
      open()
        .volume.open('short.txt')
        .read(undefined, AbortSignal.abort(new Error('enough'))),
    ).rejects.toThrow('enough');
  });

  if (options.readOnly) {
    test('can not be written', async () => {
      await expect(open().volume.write('new.txt', 'x')).rejects.toMatchObject({ exitCode: 2 });
      await expect(open().volume.remove('short.txt')).rejects.toMatchObject({ exitCode: 2 });
    });
    return;
  }

  test('writes, replaces and removes', async () => {
    const { volume, stored } = open();
    await volume.write('new/deep/file.bin', new Uint8Array([1, 2, 3]));
    expect(await stored('new/deep/file.bin')).toEqual(new Uint8Array([1, 2, 3]));
    await volume.write('new/deep/file.bin', 'text');
    expect(decode(await stored('new/deep/file.bin'))).toBe('text');
    await volume.remove('new/deep/file.bin');
    expect(await stored('new/deep/file.bin')).toBeUndefined();
    await expect(volume.open('new/deep/file.bin').read()).rejects.toMatchObject({ code: 'file_missing' });
    await volume.remove('new/deep/file.bin');
  });

  test('writes more than one request takes', async () => {
    const { volume, stored } = open();
    const bytes = new Uint8Array(51 * 2 ** 20 + 17);
    for (let i = 0; i < bytes.length; i += 997) bytes[i] = i % 251;
    await volume.write('large.bin', bytes);
    const back = await stored('large.bin');
    expect(back?.byteLength).toBe(bytes.byteLength);
    expect(Buffer.compare(back!, bytes)).toBe(0);
    const source = volume.open('large.bin');
    expect(await source.size()).toBe(bytes.byteLength);
    const start = bytes.byteLength - 100;
    expect(await source.read({ start, end: start + 100 })).toEqual(bytes.subarray(start));
    await volume.remove('large.bin');
  });
}
