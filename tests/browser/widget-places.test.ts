/**
 * Places that a page has for an element: a dialog, a place that is not shown yet, hundreds of them, paper, a phone; and a page
 * that is left while the camera is on.
 */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import type { OcelliPredict } from '../../src/widget/index.ts';
import { found, script, widgetPages } from './support/widget-page.ts';

const pages = widgetPages(['vit']);
const element = '<ocelli-predict model="/models/vit" device="wasm"></ocelli-predict>';

const canvasWidth = (page: Page): Promise<number> =>
  page.locator('canvas').evaluate((canvas) => canvas.clientWidth);

test('a dialog is as wide as the element wants to be, and no wider than the window', async () => {
  const { page, context } = await pages.open(`${script}<dialog>${element}</dialog>`);
  await found(page);
  expect(await canvasWidth(page)).toBe(0);
  await page.evaluate(() => document.querySelector('dialog')!.showModal());
  await page.waitForFunction(
    () => document.querySelector('ocelli-predict')!.shadowRoot!.querySelector('canvas')!.clientWidth > 400,
  );
  await page.setViewportSize({ width: 320, height: 600 });
  await page.waitForFunction(
    () => document.querySelector('ocelli-predict')!.shadowRoot!.querySelector('canvas')!.clientWidth < 320,
  );
  await context.close();
});

test('what was not shown when it was answered is drawn when it is', async () => {
  const { page, context } = await pages.open(`${script}<div style="display: none">${element}</div>`);
  await found(page);
  await page.evaluate(() => document.querySelector('div')!.removeAttribute('style'));
  await page.waitForFunction(
    () => document.querySelector('ocelli-predict')!.shadowRoot!.querySelector('canvas')!.clientWidth > 600,
  );
  expect(await page.locator('.result').count()).toBe(4);
  await context.close();
});

test('hundreds of elements that nobody uses fetch nothing and start no worker', async () => {
  const before = pages.site.requests.length;
  const { page, context } = await pages.open(`${script}${element.repeat(300)}`);
  await page.evaluate(
    () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))),
  );
  expect(pages.site.requests.slice(before).filter((path) => /worker|models|ort/.test(path))).toEqual([]);
  expect(page.workers()).toEqual([]);
  await context.close();
});

test('on paper are the picture and all that was found, without buttons', async () => {
  const { page, context } = await pages.open(`${script}${element}`);
  await found(page);
  await page.emulateMedia({ media: 'print' });
  await page.locator('.toolbar').waitFor({ state: 'hidden' });
  expect(await page.locator('canvas').isVisible()).toBe(true);
  expect(await page.locator('.results').evaluate((list) => getComputedStyle(list).maxHeight)).toBe('none');
  await context.close();
});

test('on a phone, a tap chooses a picture, and a button pastes one', async () => {
  const { page, context } = await pages.open(`${script}${element}`, { phone: true });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  expect(await page.locator('.empty').textContent()).toBe('Choose a picture');
  const choosing = page.waitForEvent('filechooser');
  await page.locator('.empty').tap();
  await choosing;
  const told = page.evaluate(
    () =>
      new Promise<number>((done) => {
        document.addEventListener('prediction', ({ detail }: CustomEventInit<{ width: number }>) =>
          done(detail!.width),
        );
      }),
  );
  await page.evaluate(async () => {
    const picture = await (await fetch('/picture.png')).blob();
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': picture })]);
  });
  await page.getByRole('button', { name: 'Paste' }).tap();
  expect(await told).toBe(100);
  await page.evaluate(() => navigator.clipboard.writeText('no picture'));
  await page.getByRole('button', { name: 'Paste' }).tap();
  await page.getByText('Expected a picture that was copied before.').waitFor();
  await context.close();
});

test('the other camera goes on for the first, and a page that is left has none on', async () => {
  const { page, context } = await pages.open(`${script}${element}`);
  await context.grantPermissions(['camera']);
  await page.evaluate(() => {
    const opened: MediaStreamTrack[] = [];
    Object.assign(window, { opened });
    const devices = navigator.mediaDevices;
    const open = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (wanted) => {
      const stream = await open(wanted);
      opened.push(...stream.getTracks());
      return stream;
    };
  });
  const cameras = (): Promise<{ device: string | undefined; state: string }[]> =>
    page.evaluate(() =>
      (window as unknown as { opened: MediaStreamTrack[] }).opened.map((track) => ({
        device: track.getSettings().deviceId,
        state: track.readyState,
      })),
    );
  await page.getByRole('button', { name: 'Webcam' }).click();
  await page.getByRole('button', { name: 'Other camera' }).click();
  const states = async (): Promise<string[]> => (await cameras()).map(({ state }) => state);
  await expect.poll(states).toEqual(['ended', 'live']);
  const [first, second] = await cameras();
  expect(second!.device).not.toBe(first!.device);
  // Answers go on.
  await page.evaluate(
    () => new Promise((done) => document.addEventListener('prediction', done, { once: true })),
  );
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })));
  await expect.poll(states).toEqual(['ended', 'ended']);
  await page.getByRole('button', { name: 'Webcam', exact: true }).waitFor();
  // After coming back everything is as it was.
  expect((await found(page)).findings).toHaveLength(4);
  await context.close();
});

test('screen readers get a group by the name that the page gives, and buttons that say what they do', async () => {
  const { page, context } = await pages.open(
    `${script}<ocelli-predict aria-label="Birds" model="/models/vit" device="wasm"></ocelli-predict>`,
  );
  await page.evaluate(() =>
    (document.querySelector('ocelli-predict') as OcelliPredict).predict('/picture.png'),
  );
  await page.locator('.result').first().waitFor();
  // As the browser gives them on; Playwright's own snapshot knows no roles that a script gives its element.
  const session = await context.newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  const told = nodes.flatMap(({ ignored, role, name }) =>
    ignored ? [] : [`${String(role?.value)}: ${String(name?.value ?? '')}`],
  );
  expect(told).toEqual(
    expect.arrayContaining([
      ...['group: Birds', 'group: Picture', 'list: Findings', 'status: '],
      ...['button: Choose picture', 'button: Webcam', 'button: Address'],
      expect.stringMatching(/^image: The picture\. \w+ \d+ %, /) as string,
      expect.stringMatching(/^StaticText: \w+ \d+ %, .*\.$/) as string,
    ]),
  );
  // A button whose name changes has no state beside it.
  expect(nodes.some(({ properties }) => properties?.some(({ name }) => name === 'pressed'))).toBe(false);
  await context.close();
});
