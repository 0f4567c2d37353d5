/**
 * A browser without an adapter: `auto` trains in WebAssembly, and who asks for WebGPU is told what to do. A page that is
 * not secure is told so before anything else.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { openChromium } from './support/chromium.ts';
import { openPage } from './support/page.ts';
import { tinyRecipe } from './support/recipe.ts';

let browser: Browser;

beforeAll(async () => {
  browser = await openChromium({
    webgpu: false,
    more: ['--host-resolver-rules=MAP insecure.test 127.0.0.1'],
  });
});

afterAll(async () => {
  await browser?.close();
});

test('trains in WebAssembly, and says why when WebGPU is asked for', async () => {
  const { page, close } = await openPage(browser);
  try {
    const recipe = tinyRecipe({ epochs: 1 });
    const refused = await page.evaluate(
      (text) =>
        window.ocelli.outcomeOf(
          window.ocelli.client.start({ recipe: text, device: 'webgpu' }, () => undefined),
        ),
      recipe,
    );
    expect(refused).toMatchObject({
      error: {
        name: 'DeviceError',
        code: 'no_adapter',
        received: 'the browser finds no adapter',
        hint: expect.stringContaining('Chrome') as string,
      },
    });
    await page.evaluate((text) => window.ocelli.start({ recipe: text, device: 'auto' }), recipe);
    expect(await page.evaluate(() => window.ocelli.ended())).toMatchObject({
      value: { outcome: 'finished' },
    });
    expect(await page.evaluate(() => window.ocelli.events[0])).toMatchObject({
      type: 'run_started',
      device: expect.stringContaining('wasm') as string,
    });
    expect(await page.evaluate(() => window.ocelli.client.worker.probe())).toMatchObject({
      missing: { reason: 'the browser finds no adapter' },
    });
  } finally {
    await close();
  }
});

test('a page that is not secure is told so', async () => {
  const { page, close } = await openPage(browser, inject('siteUrl').replace('127.0.0.1', 'insecure.test'));
  try {
    expect(await page.evaluate(() => window.ocelli.platform.gpu())).toContain('not secure');
    const refused = await page.evaluate(() =>
      window.ocelli.outcomeOf(Promise.resolve().then(() => window.ocelli.client.runs())),
    );
    expect(refused).toMatchObject({
      error: {
        name: 'ConfigError',
        code: 'browser_unsupported',
        received: 'without a secure page (https, or localhost)',
      },
    });
  } finally {
    await close();
  }
});
