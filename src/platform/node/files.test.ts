/** What is said of files that can't be read or listed. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { files } from './files.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-files-'));
  await writeFile(join(folder, 'file'), 'text');
  await symlink('circle', join(folder, 'circle'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const said = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);

test('reading a folder, a pipe, a circle of links, and nothing', async () => {
  expect(await said(files.read(folder))).toMatchObject({
    code: 'file_inaccessible',
    received: expect.stringMatching(/a folder where a file should be/),
  });
  expect(await said(files.read(join(folder, 'pipe')))).toMatchObject({ code: 'file_special' });
  expect(await said(files.read(join(folder, 'circle')))).toMatchObject({ code: 'file_is_link' });
  const nearest = `nothing there; the nearest folder that exists is ${folder}`;
  expect(await said(files.read(join(folder, 'a/b')))).toMatchObject({
    code: 'file_missing',
    received: nearest,
  });
  expect(await said(files.read(join(folder, 'file/b')))).toMatchObject({
    code: 'file_missing',
    received: nearest,
  });
});

test('listing a file, and nothing', async () => {
  expect(await said(files.list(join(folder, 'file')))).toMatchObject({
    code: 'file_missing',
    expected: `a folder at ${join(folder, 'file')}`,
    received: 'a file',
  });
  expect(await said(files.list(join(folder, 'none')))).toMatchObject({
    code: 'file_missing',
    received: expect.stringMatching(/^nothing there/),
  });
});
