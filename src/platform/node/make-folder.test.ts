/** Folders are made with those above them, by several at once, and never for ever. */
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { files } from './files.ts';
import { makeFolder } from './make-folder.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ocelli-folder-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('makes a folder with those above it, also when it is there and when several do', async () => {
  const path = join(root, 'a/b/c');
  await Promise.all(Array.from({ length: 8 }, () => makeFolder(path)));
  await makeFolder(path);
  expect((await stat(path)).isDirectory()).toBe(true);
});

test('says what is in the way', async () => {
  await writeFile(join(root, 'file'), '');
  await symlink(join(root, 'nowhere'), join(root, 'dangling'));
  await expect(makeFolder(join(root, 'file/a'))).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolder(join(root, 'dangling/a'))).rejects.toMatchObject({ code: 'EEXIST' });
});

test.skipIf(process.platform !== 'linux')('ends where the file system takes no folders', async () => {
  await expect(makeFolder('/proc/nope/a')).rejects.toMatchObject({ code: 'ENOENT' });
  const told = { code: 'file_inaccessible', exitCode: 1, message: expect.stringMatching(/no new folders/) };
  await expect(files.write('/proc/nope/a.txt', 'x')).rejects.toMatchObject(told);
  await expect(files.append('/proc/nope/a.txt', 'x')).rejects.toMatchObject(told);
  await expect(files.makeDirectory('/proc/nope/a')).rejects.toMatchObject(told);
  await writeFile(join(root, 'x'), '');
  await expect(files.copy(join(root, 'x'), '/proc/nope/x')).rejects.toMatchObject(told);
  await expect(files.rename(join(root, 'x'), '/proc/nope/x')).rejects.toMatchObject(told);
});
