/**
 * Things come in any order on a page: properties before the script, a picture before its model, a wrong model before the
 * right one, an element that goes and comes back, and a model that never comes beside one that does.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import type { OcelliPredict } from '../../src/widget/index.ts';
import { found, predict, script, stateOf, widgetPages } from './support/widget-page.ts';

const pages = widgetPages(['vit', 'yolos']);

/** Counts what an element tells from the beginning of the page on. */
const counting = `<script>
window.told = { ready: 0, prediction: 0, error: [] };
for (const name of ['ready', 'prediction']) document.addEventListener(name, () => told[name]++);
document.addEventListener('error', ({ detail }) => detail?.code && told.error.push(detail.code), true);
</script>`;

const seen = (page: Page, name: 'ready' | 'prediction', count = 1): Promise<unknown> =>
  page.waitForFunction(
    ([key, least]) => (window as unknown as { told: Record<string, number> }).told[key]! >= least,
    [name, count] as const,
  );

const errors = (page: Page): Promise<string[]> =>
  page.evaluate(() => (window as unknown as { told: { error: string[] } }).told.error);

const set = (page: Page, name: string, value: string): Promise<void> =>
  page.evaluate(
    ([key, text]) => document.querySelector('ocelli-predict')!.setAttribute(key!, text!),
    [name, value],
  );

test('properties that are set before the script is there', async () => {
  const { page, context } = await pages.open(
    `${counting}<ocelli-predict device="wasm"></ocelli-predict>
<script>Object.assign(document.querySelector('ocelli-predict'), { model: '/models/vit', src: '/picture.png' })</script>${script}`,
  );
  await seen(page, 'prediction');
  // And ours are no longer hidden behind them.
  await page.evaluate(() => {
    document.querySelector('ocelli-predict')!.model = '/models/yolos';
  });
  await seen(page, 'prediction', 2);
  expect(await page.locator('ocelli-predict').getAttribute('model')).toBe('/models/yolos');
  await context.close();
});

test('a wrong model, then the right one: the picture is looked at again by itself', async () => {
  const { page, context } = await pages.open(
    `${counting}${script}<ocelli-predict model="/models/nowhere" src="/picture.png" device="wasm"></ocelli-predict>`,
  );
  await page.getByRole('alert').waitFor();
  expect(await errors(page)).toEqual(['model_file_missing']);
  await set(page, 'model', '/models/vit');
  await seen(page, 'prediction');
  expect(await page.getByRole('alert').count()).toBe(0);
  // A picture that is wrong itself is not asked for again.
  expect(await predict(page, '/nowhere.png')).toMatchObject({ error: { code: 'picture_missing' } });
  await set(page, 'model', '/models/yolos');
  await seen(page, 'prediction', 2);
  expect(await errors(page)).toEqual(['model_file_missing', 'picture_missing']);
  await context.close();
});

test('a picture before there is a model is looked at once one is chosen', async () => {
  const { page, context } = await pages.open(
    `${counting}${script}<ocelli-predict device="wasm"></ocelli-predict>`,
  );
  const buffer = Buffer.from(pages.picture);
  await page
    .locator('input[type=file]:not([webkitdirectory])')
    .setInputFiles({ name: 'picture.png', mimeType: 'image/png', buffer });
  await page.getByRole('alert').filter({ hasText: 'a model' }).waitFor();
  await page.locator('input[webkitdirectory]').setInputFiles(join(pages.root, 'vit'));
  await seen(page, 'prediction');
  expect(await page.getByRole('alert').count()).toBe(0);
  await context.close();
});

test('an element that goes while it looks, and comes back, looks again', async () => {
  const { page, context } = await pages.open(
    `${counting}${script}<ocelli-predict model="/models/vit" device="wasm"></ocelli-predict>`,
  );
  let release: () => void = () => {};
  const gate = new Promise<void>((done) => {
    release = done;
  });
  const asked = page.waitForRequest('**/vit/onnx/model.onnx');
  await context.route('**/vit/onnx/model.onnx', async (route) => {
    await gate;
    await route.continue().catch(() => undefined);
  });
  await set(page, 'src', '/picture.png');
  await asked;
  await page.evaluate(async () => {
    const element = document.querySelector('ocelli-predict')!;
    element.remove();
    Object.assign(window, { element });
    // Longer than a move within the page.
    await new Promise((done) => setTimeout(done, 50));
  });
  release();
  await page.evaluate(() => document.body.append((window as unknown as { element: Element }).element));
  await seen(page, 'prediction');
  expect(await errors(page)).toEqual([]);
  await context.close();
});

test('a model that comes slowly holds up no other, and is not fetched on when nobody waits for it', async () => {
  const open = new Set<ServerResponse>();
  const server = await slowServer(open);
  try {
    const slow = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const { page, context } = await pages.open(
      `${counting}${script}<ocelli-predict id="slow" model="${slow}" src="/picture.png" device="wasm"></ocelli-predict>
<ocelli-predict id="quick" model="/models/yolos" device="wasm" threshold="0"></ocelli-predict>`,
    );
    await expect.poll(() => open.size).toBe(1);
    expect((await found(page, { selector: '#quick' })).findings).toHaveLength(7);
    expect(open.size).toBe(1);
    await page.evaluate(() => document.querySelector('#slow')!.remove());
    await expect.poll(() => open.size).toBe(0);
    await expect.poll(async () => (await stateOf(page))?.models).toBe(1);
    await context.close();
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

/** Sends a model's small files, and of the weights a first part only; `open` holds the answers that are under way. */
async function slowServer(open: Set<ServerResponse>): Promise<Server> {
  const server = createServer((request, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*');
    const path = request.url!.slice(1);
    if (path.endsWith('.json')) return void response.end(readFileSync(join(pages.root, 'vit', path)));
    response.writeHead(200, { 'Content-Length': '100000' });
    response.write(Buffer.alloc(1000));
    open.add(response);
    response.on('close', () => open.delete(response));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return server;
}

test('in the shadow root of another element, the only widget of a page takes what is pasted', async () => {
  const { page, context } = await pages.open(
    `${counting}${script}<div id="host"></div><script>
document.querySelector('#host').attachShadow({ mode: 'open' }).innerHTML =
  '<ocelli-predict model="/models/vit" device="wasm"></ocelli-predict>';
</script>`,
  );
  await page.evaluate(async () => {
    const blob = await (await fetch('/picture.png')).blob();
    const data = new DataTransfer();
    data.items.add(new File([blob], 'picture.png', { type: 'image/png' }));
    document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
  });
  await seen(page, 'prediction');
  const widget = await page.evaluateHandle(
    () => document.querySelector('#host')!.shadowRoot!.querySelector('ocelli-predict') as OcelliPredict,
  );
  expect(await widget.evaluate((element) => element.shadowRoot!.querySelectorAll('.result').length)).toBe(4);
  await context.close();
});
