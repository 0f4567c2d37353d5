/** The widget for people: nothing for axe to complain about in any state, and everything by keyboard alone. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { found, predict, script, widgetPages } from './support/widget-page.ts';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const pages = widgetPages(['vit', 'yolos']);

test('nothing to complain about for axe, in light and dark, with a picture and an error', async () => {
  const { page, context } = await pages.open(
    `<main><h1>Test</h1>${script}<ocelli-predict model="/models/yolos" device="wasm" threshold="0.2"></ocelli-predict></main>`,
  );
  await page.addScriptTag({ content: axeSource });
  const shots = '.cache/screenshots';
  mkdirSync(shots, { recursive: true });
  const check = async (state: string): Promise<void> => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.evaluate((dark) => {
        document.documentElement.style.colorScheme = 'light dark';
        document.body.style.background = dark ? '#0f1217' : '#fff';
        document.querySelector('h1')!.style.color = dark ? '#fff' : '#000';
      }, colorScheme === 'dark');
      await page.screenshot({ path: `${shots}/widget-${state}-${colorScheme}.png`, fullPage: true });
      const violations = await page.evaluate(async () => {
        const { axe } = window as unknown as {
          axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
        };
        return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`);
      });
      expect(violations, `${state}, ${colorScheme}`).toEqual([]);
    }
  };
  await check('empty');
  await found(page);
  await check('objects');
  await predict(page, '/nowhere.png');
  await page.getByRole('button', { name: 'Address' }).click();
  await check('error');
  await page.evaluate(() => document.querySelector('ocelli-predict')!.setAttribute('model', '/models/vit'));
  await found(page);
  await page.setViewportSize({ width: 320, height: 700 });
  await check('narrow');
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
  await context.close();
});

test('light or dark as its place on the page is, whatever the system prefers', async () => {
  const { page, context } = await pages.open(
    `${script}<ocelli-predict id="light"></ocelli-predict>
<div style="color-scheme: dark"><ocelli-predict id="dark"></ocelli-predict></div>
<ocelli-predict id="both" style="color-scheme: light dark"></ocelli-predict>`,
  );
  const ground = (id: string): Promise<string> =>
    page.locator(`#${id} .frame`).evaluate((frame) => getComputedStyle(frame).backgroundColor);
  const [white, black] = ['rgb(255, 255, 255)', 'rgb(23, 27, 34)'];
  for (const system of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: system });
    expect(await ground('light')).toBe(white);
    expect(await ground('dark')).toBe(black);
    expect(await ground('both')).toBe(system === 'dark' ? black : white);
  }
  await context.close();
});

test('labels lie on their boxes in texts from right to left, too', async () => {
  const element = '<ocelli-predict model="/models/yolos" device="wasm" threshold="0"></ocelli-predict>';
  const { page, context } = await pages.open(
    `${script}<div style="width: 400px">${element}</div><div style="width: 400px" dir="rtl">${element}</div>`,
  );
  const canvases = page.evaluate(
    () =>
      new Promise<string[]>((done) => {
        let count = 0;
        document.addEventListener('prediction', () => {
          if (++count < 2) return;
          const drawn = (): string[] =>
            [...document.querySelectorAll('ocelli-predict')].map((widget) =>
              widget.shadowRoot!.querySelector('canvas')!.toDataURL(),
            );
          // Drawn with the next frame.
          requestAnimationFrame(() => requestAnimationFrame(() => done(drawn())));
        });
      }),
  );
  await page.evaluate(() => {
    for (const element of document.querySelectorAll('ocelli-predict')) element.src = '/picture.png';
  });
  const [left, right] = await canvases;
  expect(left!.length).toBeGreaterThan(5000);
  expect(right).toBe(left);
  await context.close();
});

test('sentences and numbers read from left to right on pages from right to left', async () => {
  const { page, context } = await pages.open(
    `<div dir="rtl">${script}<ocelli-predict model="/models/yolos" device="wasm" threshold="0"></ocelli-predict></div>`,
  );
  await found(page);
  await page.locator('.score').first().waitFor();
  const leftOf = (selector: string, letters: readonly number[]): Promise<number[]> =>
    page
      .locator(selector)
      .first()
      .evaluate(
        (element, places) =>
          places.map((at) => {
            const range = document.createRange();
            range.setStart(element.firstChild!, at);
            range.setEnd(element.firstChild!, at + 1);
            return range.getBoundingClientRect().left;
          }),
        letters,
      );
  expect(await page.locator('.status').textContent()).toMatch(/^7 found: .* more\.$/);
  for (const [selector, second] of [
    ['.score', 1],
    ['.threshold .value', 1],
    ['.status', 2],
  ] as const) {
    const [left, right] = await leftOf(selector, [0, second]);
    expect(left, selector).toBeLessThan(right!);
  }
  await context.close();
});

test('what a page says of all its elements and texts ends at the widget', async () => {
  const { page, context } = await pages.open(
    `${script}<ocelli-predict id="plain"></ocelli-predict><style>
.loud * { color: rgb(255, 0, 0) !important; font-size: 40px !important; font-family: monospace; line-height: 4 }
.loud { text-transform: uppercase; letter-spacing: 9px; text-indent: 3em; white-space: pre; cursor: wait; text-shadow: 0 0 9px red }
</style><div class="loud"><ocelli-predict id="loud"></ocelli-predict></div>`,
  );
  const looks = (id: string): Promise<string[][]> =>
    page.locator(`#${id}`).evaluate((element) =>
      ['.empty strong', '.empty span', 'button.main', '.foot'].map((selector) => {
        const style = getComputedStyle(element.shadowRoot!.querySelector(selector)!);
        const names = [
          'color',
          'fontSize',
          'fontFamily',
          'lineHeight',
          'textTransform',
          'letterSpacing',
        ] as const;
        const more = ['textIndent', 'whiteSpace', 'cursor', 'textShadow'] as const;
        return [...names, ...more].map((name) => style[name]);
      }),
    );
  expect(await looks('loud')).toEqual(await looks('plain'));
  await context.close();
});

test('by keyboard alone', async () => {
  const { page, context } = await pages.open(
    `${script}<ocelli-predict model="/models/yolos" device="wasm" threshold="0"></ocelli-predict>`,
  );
  const chooser = page.waitForEvent('filechooser');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  const shown = page.evaluate(
    () => new Promise((done) => document.addEventListener('prediction', () => done(true), { once: true })),
  );
  await (await chooser).setFiles({
    name: 'picture.png',
    mimeType: 'image/png',
    buffer: Buffer.from(pages.picture),
  });
  await shown;
  // Sentences for those who don't see the picture.
  expect(await page.getByRole('status').textContent()).toMatch(/^7 found: \w \d+/);
  expect(await page.getByRole('img').getAttribute('aria-label')).toMatch(/^The picture\. 7 found/);
  await page.getByRole('listitem').first().focus();
  expect(await page.getByRole('listitem').count()).toBe(7);
  await page.getByRole('slider').fill('1');
  await page.getByRole('status').filter({ hasText: 'Nothing above the threshold' }).waitFor();
  await context.close();
});
