/** The run folder in what was picked: real archives, as the page and others make them. */
import { BlobReader, BlobWriter, TextReader, ZipWriter } from '@zip.js/zip.js';
import { expect, test } from 'vitest';
import { type MountedTree, openSource, piecesOf } from '../../../platform/browser/index.ts';
import { findRun, listRun } from './find-run.ts';

const { signal } = new AbortController();

async function archive(files: Readonly<Record<string, string>>, level = 0): Promise<MountedTree> {
  const writer = new ZipWriter(new BlobWriter(), { level, useWebWorkers: false });
  for (const [path, text] of Object.entries(files)) await writer.add(path, new TextReader(text));
  return openSource({ kind: 'zip', name: 'run.zip', archive: await writer.close() });
}

const run = (folder = ''): Record<string, string> => ({
  [`${folder}recipe.yaml`]: 'a',
  [`${folder}events.jsonl`]: 'bb',
  [`${folder}checkpoints/last/state.json`]: 'ccc',
});

test.each([
  ['at the top', '', '/', undefined],
  ['in a folder of its name', 'shapes-1/', '/shapes-1', 'shapes-1'],
  ['in two folders', 'downloads/shapes-1/', '/downloads/shapes-1', 'shapes-1'],
])('a run is found %s', async (_, folder, root, name) => {
  const tree = await archive({ ...run(folder), '__MACOSX/x': '' });
  const found = await findRun(tree, signal);
  expect(found).toEqual({ root, name });
  expect(await listRun(tree, found, signal)).toEqual([
    { path: 'checkpoints/last/state.json', size: 3 },
    { path: 'events.jsonl', size: 2 },
    { path: 'recipe.yaml', size: 1 },
  ]);
});

test('a folder list of a file input is a run as well', async () => {
  const files = Object.entries(run()).map(([path, text]) => ({ path, file: new File([text], path) }));
  const tree = await openSource({ kind: 'files', files });
  expect(await findRun(tree, signal)).toEqual({ root: '/', name: undefined });
});

test.each([
  ['as deep as it may', `${'d/'.repeat(11)}f`, 1, undefined],
  ['deeper', `${'d/'.repeat(12)}f`, 1, /^(d\/){11}d/],
  ['as many files as it may', 'f', 19_997, undefined],
  ['more files', 'f', 19_998, /more of them/],
])('a run with %s: what is listed, or refused', async (_, path, count, received) => {
  const empty = new File([], 'f');
  const more = Array.from({ length: count }, (_, i) => ({ path: `${path}${i}`, file: empty }));
  const own = Object.keys(run()).map((name) => ({ path: name, file: empty }));
  const tree = await openSource({ kind: 'files', files: [...own, ...more] });
  const listed = listRun(tree, { root: '/', name: undefined }, signal);
  if (received === undefined) expect(await listed).toHaveLength(count + 3);
  else {
    await expect(listed).rejects.toMatchObject({
      code: 'import_too_many_files',
      received: expect.stringMatching(received),
    });
  }
});

test.each([
  [
    'a model',
    { 'config.json': '', 'model.safetensors': '' },
    'import_not_a_run',
    /choose it in the view Model/,
  ],
  ['pictures', { 'a/1.png': '', 'b/2.png': '' }, 'import_not_a_run', /^a, b$/],
  ['a recipe alone', { 'recipe.yaml': '' }, 'import_not_a_run', /left no events/],
  ['a log alone', { 'events.jsonl': '' }, 'import_not_a_run', /without the recipe/],
  ['too deep a run', run('a/b/c/'), 'import_not_a_run', /^a$/],
  ['two runs', { ...run('one/'), ...run('two/') }, 'import_several_runs', /2 runs: one, two/],
])('%s: what it is, and what to do', async (_, files, code, received) => {
  await expect(findRun(await archive(files as Record<string, string>), signal)).rejects.toMatchObject({
    code,
    received: expect.stringMatching(received),
  });
});

test('an archive that leads out of its folders is refused', async () => {
  for (const name of ['../evil.txt', 'a/../../evil.txt', '..\\evil.txt']) {
    await expect(archive({ ...run(), [name]: 'x' })).rejects.toMatchObject({
      code: 'zip_leads_out',
      received: expect.stringContaining('evil.txt'),
    });
  }
});

test.each(['a\u0000b', 'line\nbreak', `${'x'.repeat(201)}`, 'last.ocelli-unfinished'])(
  'a file called %j is refused',
  async (name) => {
    const tree = await archive({ ...run(), [`model/${name}`]: 'x' });
    const found = await findRun(tree, signal);
    await expect(listRun(tree, found, signal)).rejects.toMatchObject({ code: 'run_file_name' });
  },
);

test('a cancelled look ends', async () => {
  const cancelled = AbortSignal.abort();
  await expect(findRun(await archive(run()), cancelled)).rejects.toThrow();
});

async function joined(tree: MountedTree, path: string): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const piece of piecesOf(await tree.open(path))) parts.push(piece);
  return Buffer.concat(parts).toString();
}

test('packed files come in pieces, as they were', async () => {
  const text = 'shapes and figures '.repeat(200_000);
  const tree = await archive({ 'a/large.txt': text, 'a/empty.txt': '' }, 6);
  expect(await joined(tree, '/a/large.txt')).toBe(text);
  expect(await joined(tree, '/a/empty.txt')).toBe('');
});

test('an archive that lies about sizes, or was damaged, is refused where it is read', async () => {
  const writer = new ZipWriter(new BlobWriter(), { level: 0, useWebWorkers: false });
  await writer.add('a.bin', new BlobReader(new Blob(['0123456789'.repeat(50)])));
  const bytes = new Uint8Array(await (await writer.close()).arrayBuffer());
  const at = Buffer.from(bytes).indexOf('0123456789');
  const damaged = bytes.slice();
  damaged[at + 3] = 65;
  const smaller = bytes.slice();
  const directory = Buffer.from(smaller).lastIndexOf(Buffer.from([0x50, 0x4b, 1, 2]));
  // The uncompressed size that the directory says.
  new DataView(smaller.buffer).setUint32(directory + 24, 20, true);
  for (const content of [damaged, smaller]) {
    const tree = await openSource({ kind: 'zip', name: 'x.zip', archive: new Blob([content]) });
    await expect(joined(tree, '/a.bin')).rejects.toMatchObject({ code: 'zip_unreadable' });
  }
});
