/** Volumes on this machine: what is read, how writes appear, and that no path leaves the root. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { files } from '#platform';
import { LocalVolume, openPlace, registerVolume } from './index.ts';

let root: string;
let volume: LocalVolume;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ocelli-storage-'));
  await mkdir(join(root, 'data/images'), { recursive: true });
  await writeFile(join(root, 'data/images/b.txt'), '0123456789');
  await writeFile(join(root, 'data/images.json'), '{}');
  await writeFile(join(root, 'secret'), 'no');
  volume = new LocalVolume(join(root, 'data'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const listed = async (prefix: string): Promise<string[]> => {
  const paths: string[] = [];
  for await (const entry of volume.list(prefix)) paths.push(entry.path);
  return paths;
};

test('reads the whole and ranges', async () => {
  const source = volume.open('images/b.txt');
  expect(await source.size()).toBe(10);
  expect(text(await source.read())).toBe('0123456789');
  expect(text(await source.read({ start: 2, end: 5 }))).toBe('234');
  expect(await source.read({ start: 4, end: 4 })).toHaveLength(0);
});

test('a range past the end is an error, not fewer bytes', async () => {
  await expect(volume.open('images/b.txt').read({ start: 5, end: 11 })).rejects.toMatchObject({
    code: 'range_outside_file',
    exitCode: 3,
  });
});

test('what is no file is an error of its own: nothing waits for a pipe, a circle of links hides no neighbour', async () => {
  execFileSync('mkfifo', [join(root, 'data/pipe')]);
  await symlink('circle', join(root, 'data/circle'));
  await expect(volume.open('pipe').read()).rejects.toMatchObject({ code: 'file_special', exitCode: 3 });
  await expect(volume.open('circle').read()).rejects.toMatchObject({ code: 'file_is_link', exitCode: 3 });
  const names = (await files.list(join(root, 'data'))).map(({ name }) => name);
  expect(names).toEqual(['circle', 'images', 'images.json', 'pipe']);
});

test('writes appear whole, make folders and leave nothing beside them', async () => {
  await volume.write('new/deep/file.bin', new Uint8Array([1, 2, 3]));
  await volume.write('new/deep/file.bin', 'text');
  expect(text(await volume.open('new/deep/file.bin').read())).toBe('text');
  expect(await readdir(join(root, 'data/new/deep'))).toEqual(['file.bin']);
});

test('lists below a prefix in ascending order of the paths', async () => {
  await volume.write('images/a/z.txt', '');
  await volume.write('images-more.txt', '');
  expect(await listed('')).toEqual(['images-more.txt', 'images.json', 'images/a/z.txt', 'images/b.txt']);
  expect(await listed('images/')).toEqual(['images/a/z.txt', 'images/b.txt']);
  expect(await listed('images/b')).toEqual(['images/b.txt']);
  expect(await listed('images-')).toEqual(['images-more.txt']);
});

test.each(['../secret', 'images/../../secret', '/etc/passwd', 'C:\\x', 'images\\..\\..\\secret', 'a\0b'])(
  'refuses %j',
  async (path) => {
    const refused = {
      code: 'path_outside_root',
      exitCode: 3,
      received: expect.stringContaining('which leads outside'),
    };
    await expect(volume.open(path).read()).rejects.toMatchObject(refused);
    await expect(volume.write(path, 'x')).rejects.toMatchObject(refused);
    await expect(volume.remove(path)).rejects.toMatchObject(refused);
  },
);

test('refuses links that lead outside, and follows those inside', async () => {
  await symlink(join(root, 'secret'), join(root, 'data/link'));
  await symlink(root, join(root, 'data/up'));
  await symlink(join(root, 'data/images'), join(root, 'data/again'));
  for (const path of ['link', 'up/secret', 'up/new/file']) {
    await expect(volume.open(path).read()).rejects.toMatchObject({ code: 'path_outside_root' });
    await expect(volume.write(path, 'x')).rejects.toMatchObject({ code: 'path_outside_root' });
  }
  expect(text(await volume.open('again/b.txt').read())).toBe('0123456789');
  // Folders that were seen before are not trusted with links.
  await symlink(join(root, 'secret'), join(root, 'data/images/link'));
  await symlink(join(root, 'data/images/b.txt'), join(root, 'data/images/inner'));
  expect(text(await volume.open('images/b.txt').read())).toBe('0123456789');
  await expect(volume.open('images/link').read()).rejects.toMatchObject({ code: 'path_outside_root' });
  expect(text(await volume.open('images/inner').read({ start: 1, end: 3 }))).toBe('12');
  expect(text(await volume.open('again/b.txt').read())).toBe('0123456789');
});

test('the root itself may be a link', async () => {
  await symlink(join(root, 'data'), join(root, 'alias'));
  expect(text(await new LocalVolume(join(root, 'alias')).open('images/b.txt').read())).toBe('0123456789');
});

test('a circle of links is an error, not an endless listing', async () => {
  await symlink(join(root, 'data/images'), join(root, 'data/images/again'));
  await expect(listed('')).rejects.toMatchObject({ code: 'link_loop' });
});

test('what is missing is named with the nearest folder that exists', async () => {
  const error = await volume
    .open('images/none/c.jpg')
    .read()
    .catch((caught: Error) => caught);
  expect(error).toMatchObject({ code: 'file_missing', exitCode: 3 });
  expect((error as Error).message).toContain(`nearest folder that exists is ${join(root, 'data/images')}`);
});

test('a full disk says so, with the path and what is left', async () => {
  // /dev/full answers every write with ENOSPC.
  const error = await files.append('/dev/full', 'x').catch((caught: Error) => caught);
  expect(error).toMatchObject({ code: 'disk_full', exitCode: 1 });
  expect((error as Error).message).toMatch(/\/dev\/full.*MB free/);
});

test('renames over a folder and copies over a file', async () => {
  await files.write(join(root, 'new/x'), '1');
  await files.write(join(root, 'old/y'), '2');
  await files.rename(join(root, 'new'), join(root, 'old'));
  expect(await readdir(join(root, 'old'))).toEqual(['x']);
  expect(await files.stat(join(root, 'new'))).toBeUndefined();
  await files.copy(join(root, 'old/x'), join(root, 'copy'));
  await files.copy(join(root, 'old/x'), join(root, 'copy'));
  await files.write(join(root, 'old/x'), 'changed');
  expect(text(await files.read(join(root, 'copy')))).toBe('1');
  await expect(files.copy(join(root, 'none'), join(root, 'copy'))).rejects.toMatchObject({
    code: 'file_missing',
  });
});

test('opens folders, files and file: URLs', async () => {
  expect(await openPlace(join(root, 'data'))).toMatchObject({ path: '' });
  const file = await openPlace(join(root, 'data/images/b.txt'));
  expect(file.path).toBe('b.txt');
  expect(text(await file.volume.open(file.path).read())).toBe('0123456789');
  const url = await openPlace(pathToFileURL(join(root, 'data')).href);
  expect(text(await url.volume.open('images/b.txt').read())).toBe('0123456789');
  const fresh = await openPlace(join(root, 'fresh'), { as: 'folder' });
  await fresh.volume.write('x', '1');
  expect(await readdir(join(root, 'fresh'))).toEqual(['x']);
});

test.each(['gs://bucket/x', 'ftp://u:pw@host/x?sig=secret'])(
  '%s is a kind that is not supported',
  async (place) => {
    const error = await openPlace(place).catch((caught: Error) => caught);
    expect(error).toMatchObject({ code: 'place_unsupported', exitCode: 2 });
    expect((error as Error).message).not.toMatch(/secret|pw@/);
  },
);

test('a /Volumes path without its mounted folder is asked of the workspace', async () => {
  vi.stubEnv('DATABRICKS_CONFIG_FILE', '/nowhere');
  await expect(openPlace('/Volumes/main/default/images/train')).rejects.toMatchObject({
    code: 'databricks_credentials_missing',
  });
  await expect(openPlace('/Volumes/main/default')).rejects.toMatchObject({ code: 'volume_place_invalid' });
  vi.unstubAllEnvs();
});

test('a kind of place can be registered', async () => {
  const forget = registerVolume({
    name: 'test:',
    matches: (place) => place.startsWith('test:'),
    open: async (place) => ({ volume, path: place.slice(5) }),
  });
  expect(await openPlace('test:images')).toEqual({ volume, path: 'images' });
  forget();
  await expect(openPlace('test:images')).rejects.toMatchObject({ code: 'place_unsupported' });
});
