/** Annotations that can't be read: told, and never left out in silence. */
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDataset } from '../index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-voc-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a link that leads out of the data set is refused, beside a file that is right', async () => {
  const box = '<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox>';
  await writeFile(join(folder, '1.png'), '');
  await writeFile(join(folder, '1.xml'), `<annotation><object><name>dog</name>${box}</object></annotation>`);
  await symlink('/etc/hostname', join(folder, '2.xml'));
  const opened = openDataset({ train_data_path: folder, val_data_path: folder, format: 'voc' }, 'train', {
    task: 'detection',
  });
  await expect(opened).rejects.toMatchObject({
    code: 'voc_invalid',
    exitCode: 3,
    problems: [expect.stringMatching(/^2\.xml: ./)],
  });
});
