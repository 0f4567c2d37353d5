/** What a page and a run do to each other: the screen, the page's own thread, cross-origin isolation. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openChromium } from './support/chromium.ts';
import { openPage } from './support/page.ts';
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
