/**
 * What changes while the widget works: another model is named while it looks at a picture or a camera, frameworks set
 * properties to nothing, and an element moves into another document. What is shown always belongs to what is named.
 */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import type { OcelliPredict } from '../../src/widget/index.ts';
import { found, script, widgetPages } from './support/widget-page.ts';

const pages = widgetPages(['vit', 'yolos'], ({ site, picture }) => {
  site.put('/another.png', { body: picture });
});

interface Told {
  readonly predictions: { readonly model: string; readonly task: string; readonly boxes: boolean }[];
  readonly errors: string[];
}

/** Notes what elements of the page tell. */
const noting = `<script>
window.told = { predictions: [], errors: [] };
document.addEventListener('prediction', ({ detail: { model, task, findings } }) =>
  told.predictions.push({ model, task, boxes: findings.some(({ box }) => box) }));
document.addEventListener('error', ({ detail }) => detail?.code && told.errors.push(detail.code), true);
</script>`;

/** Lets a test hold back what the worker answers: what comes from it waits for `held`, in order. */
const holding = `<script>
const Original = Worker;
window.Worker = class extends Original {
  addEventListener(type, listener, options) {
    if (type !== 'message') return super.addEventListener(type, listener, options);
    super.addEventListener(type, async (event) => {
      await window.held;
      listener.call(this, event);
    }, options);
  }
};
</script>`;
const body = `${noting}${holding}${script}<ocelli-predict model="/models/yolos" device="wasm" threshold="0"></ocelli-predict>`;

const told = (page: Page): Promise<Told> => page.evaluate(() => (window as unknown as { told: Told }).told);

const vit = { model: '/models/vit', task: 'classification', boxes: false };

/** Asks, and names another model before the answer is there, however soon it comes. */
const changeWhileLooking = (page: Page): Promise<string> =>
  page.evaluate(async () => {
    const element = document.querySelector('ocelli-predict') as OcelliPredict;
    const picture = await (await fetch('/another.png')).blob();
    await element.load();
    (window as unknown as { told: Told }).told.predictions.length = 0;
    let release = (): void => {};
    const held = new Promise<void>((done) => {
      release = done;
    });
    Object.assign(window, { held });
    const asking = element.predict(picture);
    await new Promise((done) => setTimeout(done));
    element.model = '/models/vit';
    release();
    return (await asking).model;
  });

test.each([
  { which: 'the first picture', before: false },
  { which: 'another picture', before: true },
])('a model that is named while $which is looked at answers for it, once', async ({ before }) => {
  const { page, context } = await pages.open(body);
  if (before) await found(page);
  expect(await changeWhileLooking(page)).toBe('/models/vit');
  expect(await told(page)).toEqual({ predictions: [vit], errors: [] });
  await context.close();
});

test('a camera goes on with the model that is named while it runs', async () => {
  const { page, context } = await pages.open(body);
  await context.grantPermissions(['camera']);
  await page.getByRole('button', { name: 'Webcam' }).click();
  await page.waitForFunction(() => (window as unknown as { told: Told }).told.predictions.length > 0);
  await page.evaluate(() => {
    (document.querySelector('ocelli-predict') as OcelliPredict).model = '/models/vit';
  });
  await page.waitForFunction(
    () => (window as unknown as { told: Told }).told.predictions.at(-1)?.task === 'classification',
  );
  await page.getByRole('button', { name: 'Stop webcam' }).waitFor();
  expect((await told(page)).errors).toEqual([]);
  await context.close();
});

test('a property that is set to null or undefined is no attribute', async () => {
  const { page, context } = await pages.open(body);
  await page.evaluate(() => {
    const element = document.querySelector('ocelli-predict') as OcelliPredict;
    Object.assign(element, { model: null, task: undefined, src: null });
  });
  expect(await page.locator('ocelli-predict').evaluate((element) => element.getAttributeNames())).toEqual([
    'device',
    'threshold',
  ]);
  await page.getByRole('button', { name: 'Choose model folder' }).waitFor();
  expect((await told(page)).errors).toEqual([]);
  await context.close();
});

test('an element that moves into the document of a frame keeps its looks, and takes what is pasted there', async () => {
  const { page, context } = await pages.open(
    `${body}<iframe srcdoc="<!doctype html><p>Another page</p>" title="Another"></iframe>`,
  );
  await page.locator('iframe').contentFrame().locator('p').waitFor();
  await page.evaluate(() => {
    const { contentDocument } = document.querySelector('iframe')!;
    contentDocument!.body.append(document.querySelector('ocelli-predict')!);
  });
  const inside = page.locator('iframe').contentFrame().locator('ocelli-predict');
  expect(await inside.locator('.frame').evaluate((frame) => getComputedStyle(frame).borderRadius)).toBe(
    '12px',
  );
  const width = inside.evaluate(
    (element: OcelliPredict) =>
      new Promise((done) => {
        element.addEventListener('prediction', ({ detail }) => done(detail.width));
      }),
  );
  await inside.evaluate(async (element) => {
    const blob = await (await fetch('/picture.png')).blob();
    const data = new DataTransfer();
    data.items.add(new File([blob], 'picture.png', { type: 'image/png' }));
    element.ownerDocument.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
  });
  expect(await width).toBe(100);
  await context.close();
});
