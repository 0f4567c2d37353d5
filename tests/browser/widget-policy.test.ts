/**
 * The widget on pages with rules: a strict Content-Security-Policy, scripts from another origin, a sandboxed frame, and
 * pages that are isolated, where WebAssembly has several threads.
 */
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import type { OcelliPredict } from '../../src/widget/index.ts';
import { headlessFindings } from './support/widget-models.ts';
import { expectSame, found, predict, script, widgetPages } from './support/widget-page.ts';

const pages = widgetPages(['vit', 'yolos']);

describe('several threads', () => {
  const body = `${script}<ocelli-predict model="/models/vit" device="wasm"></ocelli-predict>`;
  const runtimeOf = (page: Page): Promise<string> =>
    page.evaluate(
      async () => (await (document.querySelector('ocelli-predict') as OcelliPredict).load()).runtime,
    );

  test('on a page that is isolated by its headers', async () => {
    const headers = {
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    };
    pages.site.headers = headers;
    const { page, context } = await pages.open(body, { headers });
    expect(await runtimeOf(page)).toMatch(/^onnxruntime on wasm, [2-4] threads$/);
    expectSame(await found(page), await headlessFindings(join(pages.root, 'vit'), pages.picture), 1e-5);
    await context.close();
    pages.site.headers = {};
  });

  test('are one where the worker requires Trusted Types, and allows no other policy', async () => {
    const headers = {
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
      'Content-Security-Policy': "require-trusted-types-for 'script'; trusted-types ocelli-widget",
    };
    pages.site.headers = headers;
    const { page, context } = await pages.open(body, { headers });
    expect(await runtimeOf(page)).toBe('onnxruntime on wasm');
    expectSame(await found(page), await headlessFindings(join(pages.root, 'vit'), pages.picture), 1e-5);
    await context.close();
    pages.site.headers = {};
  });

  test('on a static host, by the service worker that a page asks for', async () => {
    const address = '/widget/isolated.html';
    pages.site.put(address, { body: `<script src="./ocelli-isolation.js"></script>${body}` });
    const context = await pages.browser.newContext();
    const page = await context.newPage();
    await page.goto(`${pages.site.url}${address}`);
    await page.waitForFunction(() => crossOriginIsolated);
    await page.waitForFunction(() => customElements.get('ocelli-predict') !== undefined);
    expect(await runtimeOf(page)).toMatch(/threads$/);
    expectSame(await found(page), await headlessFindings(join(pages.root, 'vit'), pages.picture), 1e-5);
    await context.close();
  });
});

describe('under a strict policy', () => {
  const policy = [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    "connect-src 'self'",
    "require-trusted-types-for 'script'",
    'trusted-types ocelli-widget',
  ].join('; ');

  test.each(['module', 'classic'])('by the %s script, without a complaint', async (kind) => {
    const tag = kind === 'module' ? script : '<script src="/widget/ocelli-widget.classic.js"></script>';
    const { page, context, complaints } = await pages.open(
      `${tag}<ocelli-predict model="/models/yolos" device="webgpu" threshold="0"></ocelli-predict>`,
      { headers: { 'Content-Security-Policy': policy } },
    );
    expectSame(await found(page), await headlessFindings(join(pages.root, 'yolos'), pages.picture));
    expect(await page.locator('.frame').evaluate((frame) => getComputedStyle(frame).borderRadius)).toBe(
      '12px',
    );
    expect(complaints.filter((text) => !text.includes("'data:,'"))).toEqual([]);
    await context.close();
  });

  test.each(['module', 'classic'])(
    'from another origin, the %s script starts its worker by a blob',
    async (kind) => {
      const tag =
        kind === 'module'
          ? `<script type="module" src="${pages.site.cdn}/widget/ocelli-widget.js"></script>`
          : `<script src="${pages.site.cdn}/widget/ocelli-widget.classic.js"></script>`;
      const headers = {
        'Content-Security-Policy': `default-src 'none'; script-src ${pages.site.cdn} 'wasm-unsafe-eval'; worker-src blob: ${pages.site.cdn}; connect-src 'self' ${pages.site.cdn}`,
      };
      const { page, context, complaints } = await pages.open(
        `${tag}<ocelli-predict model="/models/vit" device="wasm"></ocelli-predict>`,
        { headers },
      );
      expectSame(await found(page), await headlessFindings(join(pages.root, 'vit'), pages.picture));
      expect(complaints.filter((text) => !text.includes("'data:,'"))).toEqual([]);
      await context.close();
    },
  );

  test('a policy without workers is told', async () => {
    const headers = {
      'Content-Security-Policy':
        "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'none'",
    };
    const { page, context } = await pages.open(
      `${script}<ocelli-predict model="/models/vit" device="wasm"></ocelli-predict>`,
      { headers },
    );
    expect(await predict(page)).toMatchObject({
      error: { code: 'worker_crashed', fix: expect.stringContaining('Content-Security-Policy') as string },
    });
    await context.close();
  });

  test.each([
    {
      what: 'without its Trusted Types policy',
      everywhere: {},
      policy: "require-trusted-types-for 'script'; trusted-types another",
      error: {
        code: 'trusted_types_refused',
        fix: expect.stringContaining('trusted-types ocelli') as string,
      },
    },
    {
      what: 'without WebAssembly, sent with the worker',
      everywhere: { 'Content-Security-Policy': "script-src 'self'" },
      policy: "script-src 'self'",
      error: { code: 'runtime_refused', fix: expect.stringContaining("'wasm-unsafe-eval'") as string },
    },
  ])('a policy $what is told', async ({ everywhere, policy: strict, error }) => {
    pages.site.headers = everywhere;
    const { page, context } = await pages.open(
      `${script}<ocelli-predict model="/models/vit" device="wasm"></ocelli-predict>`,
      { headers: { 'Content-Security-Policy': strict } },
    );
    expect(await predict(page)).toMatchObject({ error });
    // Who asks by script gets the same error.
    const rejected = await page.evaluate(() =>
      (document.querySelector('ocelli-predict') as OcelliPredict)
        .predict('/picture.png')
        .catch((reason: { code: string }) => reason.code),
    );
    expect(rejected).toBe(error.code);
    await context.close();
    pages.site.headers = {};
  });

  test('in a frame without an origin (sandbox="allow-scripts")', async () => {
    pages.site.put('/inner.html', {
      body: `<script type="module" src="${pages.site.cdn}/widget/ocelli-widget.js"></script><ocelli-predict model="${pages.site.cdn}/models/vit" device="wasm"></ocelli-predict>`,
    });
    const { page, context } = await pages.open(
      '<iframe sandbox="allow-scripts" src="/inner.html" title="Model"></iframe>',
      {
        wait: false,
      },
    );
    const frame = await (await page.waitForSelector('iframe')).contentFrame();
    await frame!.waitForFunction(() => customElements.get('ocelli-predict') !== undefined);
    const detail = await frame!.evaluate(
      (address) => (document.querySelector('ocelli-predict') as OcelliPredict).predict(address),
      `${pages.site.cdn}/picture.png`,
    );
    expectSame(detail, await headlessFindings(join(pages.root, 'vit'), pages.picture));
    await context.close();
  });
});
