/**
 * What a page and a run do to each other: the screen, the page's own thread, other tabs, a tab that is hidden, cross-origin
 * isolation.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { openChromium } from './support/chromium.ts';
import { openPage } from './support/page.ts';
import { PlainChromium } from './support/plain-chromium.ts';
import { tinyRecipe } from './support/recipe.ts';
import { openSite } from './support/site.ts';
import { mainThreadTasks, traceCategories } from './support/trace.ts';

let browser: Browser;

beforeAll(async () => {
  browser = await openChromium();
});

afterAll(async () => {
  await browser?.close();
});

test('the screen stays on while a run is under way, and only then', async () => {
  const { page, context, close } = await openPage(browser);
  try {
    await context.grantPermissions(['screen-wake-lock']);
    await page.evaluate(
      (recipe) => window.ocelli.start({ recipe, device: 'wasm' }),
      tinyRecipe({ epochs: 3 }),
    );
    await page.evaluate(() => window.ocelli.seen('step', 1));
    expect(await page.evaluate(() => window.ocelli.client.keepsAwake)).toBe(true);

    expect(await page.evaluate(() => window.ocelli.ended())).toMatchObject({
      value: { outcome: 'finished' },
    });
    expect(await page.evaluate(() => window.ocelli.client.keepsAwake)).toBe(false);
  } finally {
    await close();
  }
});

test('the page stays smooth: no task of its own is long while the worker trains', async () => {
  const { page, close } = await openPage(browser);
  try {
    await page.evaluate((recipe) => window.ocelli.start({ recipe, device: 'wasm' }), tinyRecipe());
    await page.evaluate(() => window.ocelli.seen('step', 1));
    await browser.startTracing(page, { categories: traceCategories });
    expect(await page.evaluate(() => window.ocelli.ended())).toMatchObject({
      value: { outcome: 'finished' },
    });
    const tasks = mainThreadTasks(await browser.stopTracing());
    console.log(
      `longest tasks of the page: ${tasks.slice(0, 5).map(Math.round).join(', ')} ms of its own time`,
    );
    expect(tasks[0]).toBeLessThan(50);
  } finally {
    await close();
  }
});

test('a hidden tab trains as fast as one that is seen', async () => {
  const chromium = await PlainChromium.open();
  try {
    const tab = await chromium.tab(inject('siteUrl'));
    const until = async (expression: string): Promise<void> => {
      while (!(await tab.evaluate<boolean>(expression))) await pause(200);
    };
    await until(`'ocelli' in window`);
    const other = await chromium.tab('about:blank');
    await tab.show();
    const recipe = JSON.stringify(tinyRecipe({ epochs: 5000 }));
    await tab.evaluate(`ocelli.start({ recipe: ${recipe}, device: 'wasm' })`);
    await until(`ocelli.events.filter(({ type }) => type === 'step').length > 20`);

    const steps = { visible: 0, hidden: 0 };
    // In turns, so that a machine that is busy with something else slows down both.
    for (let round = 0; round < 4; round++) {
      for (const state of ['visible', 'hidden'] as const) {
        await (state === 'visible' ? tab : other).show();
        await until(`document.visibilityState === '${state}'`);
        const count = `ocelli.events.filter(({ type }) => type === 'step').length`;
        const before = await tab.evaluate<number>(count);
        await pause(3000);
        steps[state] += (await tab.evaluate<number>(count)) - before;
        expect(await tab.evaluate('document.visibilityState')).toBe(state);
      }
    }
    console.log(`steps in 12 s: ${steps.visible} while it was seen, ${steps.hidden} while it was hidden`);
    // Chromium wakes timers of hidden tabs once a second: whoever depends on them is ten times as slow.
    expect(steps.hidden).toBeGreaterThan(0.5 * steps.visible);
    await tab.evaluate('ocelli.client.worker.stop()');
    expect(await tab.evaluate('ocelli.ended()')).toMatchObject({ value: { outcome: 'stopped' } });
  } finally {
    await chromium.close();
  }
});

test('a run belongs to one tab: another one can neither resume nor remove it, and nothing of it is written twice', async () => {
  const { page, context, close } = await openPage(browser);
  try {
    await page.evaluate(
      (recipe) => window.ocelli.start({ recipe, device: 'wasm' }),
      tinyRecipe({ epochs: 500 }),
    );
    await page.evaluate(() => window.ocelli.seen('checkpoint'));
    const other = await context.newPage();
    await other.goto(page.url());
    await other.waitForFunction(() => 'ocelli' in window);
    const [found] = await other.evaluate(() => window.ocelli.client.runs());
    expect(found).toMatchObject({ status: 'running' });
    const refused = { error: { name: 'ConfigError', code: 'run_in_other_tab' } };
    await other.evaluate((run) => window.ocelli.resume({ run }), found!.run);
    expect(await other.evaluate(() => window.ocelli.ended())).toMatchObject(refused);
    expect(
      await other.evaluate(
        (run) => window.ocelli.outcomeOf(window.ocelli.client.worker.removeRun(run)),
        found!.run,
      ),
    ).toMatchObject(refused);

    await page.evaluate(() => window.ocelli.client.worker.stop());
    expect(await page.evaluate(() => window.ocelli.ended())).toMatchObject({ value: { outcome: 'stopped' } });
    const log = await page.evaluate((run) => window.ocelli.base64(`${run}/events.jsonl`), found!.run);
    const lines = Buffer.from(log, 'base64').toString().trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
      await page.evaluate(() => window.ocelli.events),
    );
    // Now it is free.
    await other.evaluate((run) => window.ocelli.resume({ run }), found!.run);
    await other.evaluate(() => window.ocelli.seen('resumed'));
    await other.evaluate(() => window.ocelli.client.worker.stop());
    expect(await other.evaluate(() => window.ocelli.ended())).toMatchObject({
      value: { outcome: 'stopped' },
    });
  } finally {
    await close();
  }
});

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

test('a cross-origin isolated page trains to the same numbers', async () => {
  const site = await openSite({ isolated: true, built: true });
  try {
    const losses: number[][] = [];
    for (const url of [site.url, undefined]) {
      const { page, close } = await openPage(browser, url);
      try {
        expect(await page.evaluate(() => crossOriginIsolated)).toBe(url !== undefined);
        await page.evaluate(
          (recipe) => window.ocelli.start({ recipe, device: 'wasm' }),
          tinyRecipe({ epochs: 2 }),
        );
        expect(await page.evaluate(() => window.ocelli.ended())).toMatchObject({
          value: { outcome: 'finished' },
        });
        losses.push(
          await page.evaluate(() =>
            window.ocelli.events.flatMap((event) => (event.type === 'step' ? [event.loss] : [])),
          ),
        );
      } finally {
        await close();
      }
    }
    for (const [i, loss] of losses[0]!.entries()) expect(loss).toBeCloseTo(losses[1]![i]!, 5);
  } finally {
    await site.close();
  }
});
