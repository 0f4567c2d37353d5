/** Far data in a page: kept in the browser's storage, read in threads, and the page answers all the while. */
import type { Browser, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { classFolders } from './support/inputs.ts';
import { type OpenedPage, openPage } from './support/page.ts';
import { pageOfTest } from './support/page-of-test.ts';
import { tinyRecipe } from './support/recipe.ts';
import { mainThreadTasks, traceCategories } from './support/trace.ts';

let browser: Browser;
let opened: OpenedPage;
let page: Page;
pageOfTest(openPage, (tab, shared) => {
  browser = shared;
  opened = tab;
  page = tab.page;
});

/** A web server with CORS, as the page sees it; returns what was asked of it. */
async function serve(files: ReadonlyMap<string, Uint8Array>): Promise<string[]> {
  const asked: string[] = [];
  await opened.context.route('https://data.example/**', async (route) => {
    const path = new URL(route.request().url()).pathname.slice(1);
    const range = /bytes=(\d+)-(\d+)/.exec((await route.request().headerValue('range')) ?? '');
    const headers = {
      'access-control-allow-origin': '*',
      'access-control-allow-headers': '*',
      'access-control-expose-headers': '*',
    };
    if (route.request().method() === 'OPTIONS') return route.fulfill({ status: 204, headers });
    asked.push(path);
    const bytes = files.get(path);
    if (!bytes) return route.fulfill({ status: 404, headers });
    const [start, end] = range
      ? [Number(range[1]), Math.min(bytes.length - 1, Number(range[2]))]
      : [0, bytes.length - 1];
    const part = { 'content-range': `bytes ${start}-${end}/${bytes.length}`, etag: `"${bytes.length}"` };
    return route.fulfill({
      status: range ? 206 : 200,
      headers: { ...headers, ...part },
      body: Buffer.from(bytes.subarray(start, end + 1)),
    });
  });
  return asked;
}

test('pictures of a web server are fetched once: the second epoch and the next run read the browser storage', async () => {
  const files = new Map([...(await classFolders())].map(([path, bytes]) => [`set/${path}`, bytes]));
  for (const split of ['train', 'val']) {
    const below = `set/${split}/`;
    const entries = [...files].filter(([path]) => path.startsWith(below));
    const list = entries.map(([path, { length }]) => ({
      path: path.slice(below.length),
      size: length,
      etag: `"${length}"`,
    }));
    files.set(`${below}index.json`, new TextEncoder().encode(JSON.stringify(list)));
  }
  const asked = await serve(files);
  const recipe = tinyRecipe({ epochs: 3 })
    .replace(/train_data_path: .*/, 'train_data_path: https://data.example/set/train')
    .replace(/val_data_path: .*/, 'val_data_path: https://data.example/set/val');
  const run = () =>
    page.evaluate(async (recipe) => {
      window.ocelli.start({ recipe, device: 'wasm' });
      return window.ocelli.ended();
    }, recipe);
  expect(await run()).toMatchObject({ value: { outcome: 'finished' } });
  const pictures = () => asked.filter((path) => path.endsWith('.png')).sort();
  expect(pictures()).toEqual([...files.keys()].filter((path) => path.endsWith('.png')).sort());
  await page.reload();
  await page.waitForFunction(() => 'ocelli' in window);
  asked.length = 0;
  expect(await run()).toMatchObject({ value: { outcome: 'finished' } });
  expect(pictures()).toEqual([]);
});

test('an annotation file of 60 MB is read while the page answers', async () => {
  const recipe = tinyRecipe()
    .replace('task_type: classification', 'task_type: detection')
    .replace(
      /train_data_path: .*/,
      'train_data_path: /picked/big\n  train_annotation_file: /picked/big/train.json',
    )
    .replace(
      /val_data_path: .*/,
      'val_data_path: /picked/big\n  val_annotation_file: /picked/big/train.json',
    );
  const size = await page.evaluate(async () => {
    // In blobs of 1 MB: the file is never in the page's memory as a text.
    const polygon = Array.from({ length: 50 }, (_, i) => (i * 3.17).toFixed(2)).join(', ');
    const parts: BlobPart[] = ['{"images": ['];
    const images = Array.from(
      { length: 16_000 },
      (_, id) => `{"id": ${id}, "file_name": "${id}.jpg", "width": 640, "height": 480}`,
    );
    parts.push(images.join(','), '], "categories": [{"id": 1, "name": "thing"}], "annotations": [');
    for (let piece = 0; piece < 60; piece++) {
      const items = Array.from(
        { length: 2000 },
        (_, i) =>
          `{"id": ${piece * 2000 + i + 1}, "image_id": ${(piece * 2000 + i) % 16_000}, "category_id": 1, "bbox": [1.5, 2.25, 30, 40], "area": 1200, "iscrowd": 0, "segmentation": [[${polygon}]], "note": "${'x'.repeat(60)}"}`,
      );
      parts.push(`${piece > 0 ? ',' : ''}${items.join(',')}`);
      await new Promise((resolve) => setTimeout(resolve));
    }
    const file = new File([...parts, ']}'], 'train.json');
    Object.assign(window, { annotations: file });
    return file.size;
  });
  expect(size).toBeGreaterThan(50e6);
  // What making the file has left is the test's, not the page's.
  const session = await opened.context.newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  await session.detach();
  await browser.startTracing(page, { categories: traceCategories });
  const described = await page.evaluate((recipe) => {
    const { annotations: file } = window as unknown as { annotations: File };
    const places = { '/picked/big': { kind: 'files' as const, files: [{ path: 'train.json', file }] } };
    return window.ocelli.outcomeOf(window.ocelli.client.worker.describeData({ recipe, places }));
  }, recipe);
  const tasks = mainThreadTasks(await browser.stopTracing());
  expect(described).toMatchObject({
    value: { classes: ['thing'], splits: { train: { images: 16_000, examplesPerClass: [120_000] } } },
  });
  console.log(
    `longest tasks of the page: ${tasks.slice(0, 5).map(Math.round).join(', ')} ms of its own time`,
  );
  expect(tasks[0]).toBeLessThan(50);
});
