/** Data that a user picks: an archive or a folder of pictures, described, trained on, and found again after a reload. */
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { classFolders } from './support/inputs.ts';
import { openPage } from './support/page.ts';
import { pageOfTest } from './support/page-of-test.ts';
import { tinyRecipe } from './support/recipe.ts';

let page: Page;
pageOfTest(openPage, (opened) => {
  page = opened.page;
});

/** Class folders; one picture is broken where that is asked for. */
async function pictures({ broken = false } = {}): Promise<Map<string, Uint8Array>> {
  const files = await classFolders();
  if (broken) files.set('train/circle/0.png', files.get('train/circle/0.png')!.slice(0, 100));
  return files;
}

async function archiveOf(files: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const writer = new ZipWriter(new Uint8ArrayWriter());
  for (const [path, bytes] of files) await writer.add(`shapes/${path}`, new Uint8ArrayReader(bytes));
  return Buffer.from(await writer.close()).toString('base64');
}

const recipe = (root: string, { settings = '', epochs = 2 } = {}): string =>
  tinyRecipe({ epochs })
    .replace(/train_data_path: .*/, `train_data_path: ${root}/train`)
    .replace(/val_data_path: .*/, `val_data_path: ${root}/val${settings}`);

test('a zip archive: described, trained on in threads, and there again after a reload', async () => {
  const archive = await archiveOf(await pictures());
  // Many epochs: the page is gone in their midst, however late it goes.
  const text = recipe('/picked/shapes/shapes', { epochs: 60 });
  const described = await page.evaluate(
    async ({ archive, recipe }) => {
      const bytes = Uint8Array.from(atob(archive), (letter) => letter.charCodeAt(0));
      const picked = window.ocelli.pickedFiles([new File([bytes], 'shapes.zip')]);
      const places = { [window.ocelli.mountPath(picked.name)]: picked.source };
      const { worker } = window.ocelli.client;
      const description = await worker.describeData({ recipe, places });
      const images = await worker.dataImages('train', [0, 15, 99]);
      window.ocelli.start({ recipe, places, device: 'wasm', overrides: ['data.num_workers=2'] });
      return {
        description,
        images: images.map(({ picture, ...rest }) => ({ ...rest, bytes: picture.size })),
      };
    },
    { archive, recipe: text },
  );
  expect(described.description).toMatchObject({
    classes: ['circle', 'cross'],
    splits: { train: { images: 16, examplesPerClass: [8, 8], setAside: 0 }, val: { images: 8 } },
  });
  expect(described.images.map(({ index, truth }) => [index, truth.labels[0]])).toEqual([
    [0, 0],
    [15, 1],
  ]);
  await page.evaluate(() => window.ocelli.seen('checkpoint'));
  await page.reload();
  await page.waitForFunction(() => 'ocelli' in window);
  const outcome = await page.evaluate(async () => {
    const { status, run } = await window.ocelli.left();
    window.ocelli.resume({ run });
    return { status, ended: await window.ocelli.ended() };
  });
  expect(outcome.status).toBe('interrupted');
  expect(outcome.ended).toMatchObject({ value: { outcome: 'finished' } });
});

test('files of a folder input; a broken picture is set aside by name', async () => {
  const files = [...(await pictures({ broken: true }))].map(([path, bytes]) => ({
    path,
    text: Buffer.from(bytes).toString('base64'),
  }));
  await page.evaluate(
    async ({ files, recipe }) => {
      const list = files.map(({ path, text }) => {
        const file = new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], 'x.png');
        Object.defineProperty(file, 'webkitRelativePath', { value: `my shapes/${path}` });
        return file;
      });
      const picked = window.ocelli.pickedFiles(list);
      const places = { [window.ocelli.mountPath(picked.name)]: picked.source };
      window.ocelli.start({ recipe, places, device: 'wasm' });
    },
    { files, recipe: recipe('/picked/my-shapes', { settings: '\n  max_bad_fraction: 0.2' }) },
  );
  expect(await page.evaluate(() => window.ocelli.ended())).toMatchObject({ value: { outcome: 'finished' } });
  const warnings = await page.evaluate(() =>
    window.ocelli.events.flatMap((event) => (event.type === 'warning' ? [event.message] : [])),
  );
  expect(warnings.join()).toContain('circle/0.png is set aside');
});

test('a folder without pictures, and one that is not there, say so', async () => {
  const fails = (text: string) =>
    page.evaluate(async (recipe) => {
      const places = {
        '/picked/notes': {
          kind: 'files' as const,
          files: [{ path: 'train/notes.txt', file: new File(['hello'], 'notes.txt') }],
        },
      };
      const described = window.ocelli.client.worker.describeData({ recipe, places });
      return window.ocelli.outcomeOf(described);
    }, text);
  expect(await fails(recipe('/picked/notes'))).toMatchObject({ error: { name: 'DataError' } });
  expect(await fails(recipe('/picked/nothing'))).toMatchObject({
    error: {
      name: 'DataError',
      code: 'file_missing',
      received: expect.stringContaining('/picked') as string,
    },
  });
});
