/**
 * `import 'ocelli/widget'` in pages that a bundler makes: the module, the worker, onnxruntime and its WebAssembly file get
 * other names and places, and find each other. Frameworks set properties and listen to events.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OcelliPredict } from '../../src/widget/index.ts';
import { headlessFindings } from './support/widget-models.ts';
import { expectSame, found, widgetPages } from './support/widget-page.ts';
import { buildPackageWidget, openWidgetSite, type WidgetSite } from './support/widget-site.ts';

const pages = widgetPages(['vit']);
let folder: string;
let site: WidgetSite;

beforeAll(async () => {
  const embedded = await buildPackageWidget();
  mkdirSync(resolve('.cache/browser'), { recursive: true });
  // Below the repository, where onnxruntime-web is found as beside an installed package.
  folder = mkdtempSync(resolve('.cache/browser/page-'));
  writeFileSync(join(folder, 'main.js'), `import ${JSON.stringify(join(embedded, 'ocelli-widget.js'))};`);
  const body = '<ocelli-predict model="/models/vit" device="wasm"></ocelli-predict>';
  const head = '<!doctype html><title>Page</title><link rel="icon" href="data:,">';
  writeFileSync(join(folder, 'index.html'), `${head}<script type="module" src="./main.js"></script>${body}`);
  await build({ root: folder, configFile: false, logLevel: 'error', base: '/built/' });
  site = await openWidgetSite({ built: join(folder, 'dist'), models: pages.root });
  site.put('/picture.png', { body: pages.picture });
}, 180_000);

afterAll(async () => {
  await site?.close();
  if (folder) rmSync(folder, { recursive: true });
});

test('a production build by Vite finds worker and runtime, which nobody fetches before there is a picture', async () => {
  const context = await pages.browser.newContext();
  const page = await context.newPage();
  await page.goto(`${site.url}/built/index.html`);
  await page.waitForFunction(() => customElements.get('ocelli-predict') !== undefined);
  const isPart = (path: string): boolean => /worker|ort|pipelines/.test(path);
  expect(site.requests.filter(isPart)).toEqual([]);
  expectSame(await found(page), await headlessFindings(join(pages.root, 'vit'), pages.picture));
  const asked = site.requests.filter(isPart).map((path) => path.replace(/-[\w-]{8}(?=\.)/, ''));
  expect([...new Set(asked)].sort()).toEqual([
    'GET /built/assets/ort-wasm-simd-threaded.wasm',
    'GET /built/assets/ort.wasm.js',
    'GET /built/assets/widget.worker.js',
  ]);
  const files = readdirSync(join(folder, 'dist/assets'));
  expect(files.filter((name) => name.endsWith('.wasm'))).toHaveLength(3);
  await context.close();
});

test('properties are attributes, by their kind, and nothing is no attribute', async () => {
  const context = await pages.browser.newContext();
  const page = await context.newPage();
  await page.goto(`${site.url}/built/index.html`);
  await page.waitForFunction(() => customElements.get('ocelli-predict') !== undefined);
  const [given, taken] = await page.evaluate(() => {
    const element = document.createElement('ocelli-predict') as OcelliPredict;
    element.labels = ['tench, Tinca tinca', 'goldfish'];
    element.sources = ['file', 'url'];
    Object.assign(element, { threshold: 0.25, topK: 3, record: true, preload: 'none', maxMegabytes: 10 });
    const { threshold, labels, topK, record } = element;
    const read = (): Record<string, string> =>
      Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value]));
    const before = { ...read(), kinds: [threshold, topK, record, labels.length] };
    Object.assign(element, { labels: null, sources: undefined, threshold: undefined, topK: null });
    Object.assign(element, { record: false, preload: null, maxMegabytes: undefined });
    return [before, read()];
  });
  expect(given).toEqual({
    ...{ labels: 'tench, Tinca tinca, goldfish', sources: 'file url', threshold: '0.25', 'top-k': '3' },
    ...{ record: '', preload: 'none', 'max-megabytes': '10', kinds: [0.25, 3, true, 3] },
  });
  expect(taken).toEqual({});
  await context.close();
});
