/**
 * The example page as people open it: from a plain static server (Python's), with a detection model of the exporter beside
 * it, as the page's first lines say.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeImage } from '#platform';
import { openChromium } from './support/chromium.ts';
import { writeWidgetModels } from './support/widget-models.ts';
import { modelSources } from './support/widget-page.ts';
import { buildWidget } from './support/widget-site.ts';

let root: string;
let server: ChildProcess;
let address: string;
let browser: Browser;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'ocelli-example-'));
  cpSync(await buildWidget(), join(root, 'dist/widget'), { recursive: true });
  cpSync(resolve('examples/widget/index.html'), join(root, 'examples/widget/index.html'));
  mkdirSync(join(root, 'examples/widget/model'), { recursive: true });
  await writeWidgetModels(join(root, 'examples/widget'), { model: modelSources.yolos! });
  server = spawn('python3', ['-u', '-m', 'http.server', '0', '--bind', '127.0.0.1', '--directory', root]);
  const port = await new Promise<string>((done, fail) => {
    let said = '';
    const read = (data: Buffer): void => {
      said += data.toString();
      const found = /port (\d+)/.exec(said)?.[1];
      if (found) done(found);
    };
    server.stdout!.on('data', read);
    server.once('error', fail);
    server.once('exit', () => fail(new Error(`the server ended: ${said}`)));
  });
  address = `http://127.0.0.1:${port}/examples/widget/`;
  browser = await openChromium();
});

afterAll(async () => {
  await browser?.close();
  server?.kill();
  if (root) rmSync(root, { recursive: true });
});

test('it takes a picture, shows what the model sees and prints what it tells the page', async () => {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('pageerror', ({ message }) => complaints.push(message));
  await page.goto(address);
  const told = page.locator('#told');
  expect(await told.textContent()).toBe('Nothing yet.');
  const data = Uint8Array.from({ length: 60 * 40 * 3 }, (_, i) => (i * 7) % 256);
  const buffer = Buffer.from(await encodeImage({ width: 60, height: 40, data }, 'png'));
  const file = { name: 'picture.png', mimeType: 'image/png', buffer };
  await page.getByLabel('Picture', { exact: true }).and(page.locator('input[type=file]')).setInputFiles(file);
  await told.filter({ hasText: /^prediction/ }).waitFor();
  const text = (await told.textContent())!.slice('prediction '.length);
  expect(JSON.parse(text)).toMatchObject({ task: 'detection', model: './model/', width: 60, height: 40 });
  await page.getByRole('img', { name: /^The picture\./ }).waitFor();
  expect(complaints).toEqual([]);
  await page.close();
});

test('?model=… shows another model, and says where there is none', async () => {
  const page = await browser.newPage();
  await page.goto(`${address}?model=./nowhere/`);
  await page.evaluate(() => document.querySelector('ocelli-predict')!.setAttribute('preload', 'model'));
  await page.getByRole('alert').filter({ hasText: 'config.json' }).waitFor();
  await page
    .locator('#told')
    .filter({ hasText: /^error/ })
    .waitFor();
  expect(await page.locator('#told').textContent()).toContain('model_file_missing');
  await page.close();
});
