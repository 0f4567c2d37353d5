/**
 * The widget as pages use it: built, served by a static host, in Chromium. What it says about a picture are the numbers
 * of the headless predictor; it works under a strict Content-Security-Policy, from another origin, in a sandboxed frame,
 * without WebGPU, and says what is wrong when something is.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeImage } from '#platform';
import type { ErrorDetail, OcelliPredict, PredictionDetail, ReadyDetail } from '../../src/widget/index.ts';
import { openChromium } from './support/chromium.ts';
import { type HeadlessFinding, headlessFindings, writeWidgetModels } from './support/widget-models.ts';
import { buildWidget, openWidgetSite, type WidgetSite } from './support/widget-site.ts';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let root: string;
let site: WidgetSite;
let browser: Browser;
let picture: Uint8Array;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'ocelli-widget-'));
  await writeWidgetModels(root, {
    vit: { name: 'vit' },
    labels: { name: 'vit, several labels' },
    resnet: { name: 'resnet', processor: { size: { shortest_edge: 36 }, crop_pct: 0.875 } },
    yolos: { name: 'yolos', processor: { size: { height: 48, width: 64 } } },
    detr: { name: 'detr', processor: { size: { shortest_edge: 64, longest_edge: 107 } } },
    half: { name: 'vit', dtype: 'fp16' },
  });
  const widget = await buildWidget();
  site = await openWidgetSite({ widget, models: root });
  picture = gradient(100, 75);
  site.put('/picture.png', { body: await encodeImage({ width: 100, height: 75, data: picture }, 'png') });
  picture = await encodeImage({ width: 100, height: 75, data: picture }, 'png');
  browser = await openChromium({
    more: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  });
}, 180_000);

afterAll(async () => {
  await browser?.close();
  await site?.close();
  if (root) rmSync(root, { recursive: true });
});

/** Colours that differ everywhere, and edges. */
function gradient(width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const p = Math.floor(i / 3);
    const [x, y] = [p % width, Math.floor(p / width)];
    const disc = (x - 40) ** 2 + (y - 30) ** 2 < 400 ? 120 : 0;
    return [x * 2, y * 3, 128][i % 3]! ^ disc;
  });
}

const script = '<script type="module" src="/widget/ocelli-widget.js"></script>';

interface Opened {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly complaints: string[];
}

let pages = 0;

/** A page with that body and those headers, in a context of its own. */
async function openWidgetPage(
  body: string,
  {
    headers = {},
    from = browser,
    wait = true,
  }: { headers?: Record<string, string>; from?: Browser; wait?: boolean } = {},
): Promise<Opened> {
  const context = await from.newContext({ viewport: { width: 720, height: 900 } });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`page: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  await page.goto(site.put(`/page-${++pages}.html`, { body, headers }));
  if (wait) await page.waitForFunction(() => customElements.get('ocelli-predict') !== undefined);
  return { page, context, complaints };
}

type Outcome = { readonly detail: PredictionDetail } | { readonly error: Omit<ErrorDetail, 'error'> };

/** Looks at a picture; the element's own event tells what came of it. */
function predict(page: Page, address = '/picture.png', selector = 'ocelli-predict'): Promise<Outcome> {
  return page.evaluate(
    async ([what, where]) => {
      const element = document.querySelector(where!) as OcelliPredict;
      return new Promise<Outcome>((done) => {
        element.addEventListener('prediction', ({ detail }) => done({ detail }), { once: true });
        element.addEventListener('error', ({ detail: { error: _, ...detail } }) => done({ error: detail }), {
          once: true,
        });
        element.predict(what!).catch(() => undefined);
      });
    },
    [address, selector],
  );
}

async function found(page: Page, selector?: string): Promise<PredictionDetail> {
  const outcome = await predict(page, '/picture.png', selector);
  if ('error' in outcome) throw new Error(JSON.stringify(outcome.error));
  return outcome.detail;
}

/** Same labels and places; scores within the difference between two builds of onnxruntime. */
function expectSame(detail: PredictionDetail, expected: readonly HeadlessFinding[], tolerance = 1e-4): void {
  const sorted = [...expected].sort((a, b) => b.score - a.score);
  expect(detail.findings).toHaveLength(sorted.length);
  for (const [i, { label, score, box }] of sorted.entries()) {
    const given = detail.findings[i]!;
    expect(Math.abs(given.score! - score)).toBeLessThan(tolerance);
    expect(given.label).toBe(label);
    if (!box) continue;
    const { x, y, width, height } = given.box!;
    [x, y, x + width, y + height].forEach((value, side) => {
      expect(Math.abs(value - box[side]!)).toBeLessThan(100 * tolerance);
    });
  }
}

describe('the numbers of headless predictions', () => {
  test.each([
    ['vit', 'wasm', 1e-5],
    ['vit', 'webgpu', 1e-4],
    ['labels', 'wasm', 1e-5],
    ['resnet', 'webgpu', 1e-4],
    ['yolos', 'webgpu', 1e-4],
    ['detr', 'wasm', 1e-5],
    ['detr', 'webgpu', 1e-4],
    ['half', 'wasm', 2e-3],
  ])('%s on %s', async (name, device, tolerance) => {
    const { page, context, complaints } = await openWidgetPage(
      `${script}<ocelli-predict model="/models/${name}" device="${device}" threshold="0" top-k="100" ${name === 'vit' ? 'record' : ''}></ocelli-predict>`,
    );
    const expected = await headlessFindings(join(root, name), picture);
    expectSame(await found(page), expected, tolerance);
    const [session] = (await stateOf(page))!.sessions;
    expect(session).toMatchObject({ device });
    // A recording that gives other numbers is not used; the reason is said.
    if (device === 'webgpu') expect(session!.capture).not.toBe('not tried');
    expectSame(await found(page), expected, tolerance);
    expect(complaints).toEqual([]);
    await context.close();
  });
});

const stateOf = (page: Page): ReturnType<OcelliPredict['workerState']> =>
  page.evaluate(() => (document.querySelector('ocelli-predict') as OcelliPredict).workerState());

describe('on a page', () => {
  test('nothing is loaded until there is a picture; the attribute src is one', async () => {
    const from = site.requests.length;
    const { page, context } = await openWidgetPage(
      `${script}<ocelli-predict model="/models/vit"></ocelli-predict>`,
    );
    await page.waitForTimeout(300);
    expect(site.requests.slice(from).filter((path) => /worker|ort|models/.test(path))).toEqual([]);
    expect(page.workers()).toEqual([]);
    const ready = page.evaluate(async () => {
      const element = document.querySelector('ocelli-predict') as OcelliPredict;
      const told: string[] = [];
      for (const name of ['ready', 'prediction', 'progress'] as const) {
        document.addEventListener(name, ({ type }) => told.push(`document ${type}`));
        element.addEventListener(name, ({ type }) => told.push(type));
      }
      const detail = new Promise<ReadyDetail>((done) =>
        element.addEventListener('ready', (event) => done(event.detail)),
      );
      const shown = new Promise((done) => element.addEventListener('prediction', done));
      element.src = '/picture.png';
      const result = await detail;
      await shown;
      return { ...result, told: [...new Set(told)] };
    });
    expect(await ready).toMatchObject({
      ...{ model: '/models/vit', task: 'classification', classes: ['a', 'b', 'c', 'd'], path: 'ocelli' },
      ...{ device: 'wasm', runtime: 'onnxruntime on wasm' },
      told: ['progress', 'ready', 'document ready', 'prediction', 'document prediction'],
    });
    await context.close();
  });

  test('several elements share one worker and, where it is the same, one model', async () => {
    const tag = (id: string, model: string): string =>
      `<ocelli-predict id="${id}" model="/models/${model}" device="wasm"></ocelli-predict>`;
    const { page, context } = await openWidgetPage(
      // The classic script is a second copy of the code; it uses what the module has defined.
      `${script}<script defer src="/widget/ocelli-widget.classic.js"></script>${tag('a', 'vit')}${tag('b', 'vit')}${tag('c', 'yolos')}`,
    );
    const [a, b, c] = await Promise.all(['#a', '#b', '#c'].map((id) => found(page, id)));
    expect(a!.findings).toEqual(b!.findings);
    expect(c!.task).toBe('detection');
    expect(page.workers()).toHaveLength(1);
    expect(await stateOf(page)).toMatchObject({ models: 2 });
    await page.evaluate(() => document.querySelector('#a')!.remove());
    await page.waitForTimeout(200);
    expect(await stateOf(page)).toMatchObject({ models: 2 });
    await page.evaluate(() => document.querySelector('#c')!.remove());
    await page.waitForTimeout(200);
    expect(await stateOf(page)).toMatchObject({ models: 1 });
    await context.close();
  });

  test('threshold, labels and top-k choose without another run', async () => {
    const { page, context } = await openWidgetPage(
      `${script}<ocelli-predict model="/models/vit" device="wasm"></ocelli-predict>`,
    );
    const { findings } = await found(page);
    expect(findings).toHaveLength(4);
    const change = (name: string, value: string): Promise<string[]> =>
      page.evaluate(
        ([key, text]) =>
          new Promise((done) => {
            const element = document.querySelector('ocelli-predict') as OcelliPredict;
            element.addEventListener(
              'prediction',
              ({ detail }) => done(detail.findings.map(({ label }) => label)),
              {
                once: true,
              },
            );
            element.setAttribute(key!, text!);
          }),
        [name, value],
      );
    expect(await change('top-k', '2')).toEqual(findings.slice(0, 2).map(({ label }) => label));
    expect(await change('labels', `${findings[3]!.label.toUpperCase()}, nobody`)).toEqual([
      findings[3]!.label,
    ]);
    expect(await change('threshold', '0.99')).toEqual([]);
    const told = await page.evaluate(() => {
      const codes: string[] = [];
      const element = document.querySelector('ocelli-predict') as OcelliPredict;
      element.addEventListener('error', ({ detail }) => codes.push(detail.code));
      element.setAttribute('threshold', 'high');
      element.setAttribute('top-k', '3');
      element.setAttribute('labels', '');
      return codes;
    });
    expect(told).toEqual(['attribute_invalid']);
    await context.close();
  });

  test('a webcam, until it is stopped', async () => {
    const { page, context } = await openWidgetPage(
      `${script}<ocelli-predict model="/models/yolos" device="wasm" threshold="0"></ocelli-predict>`,
    );
    await context.grantPermissions(['camera']);
    const seen = page.evaluate(
      () =>
        new Promise<number>((done) => {
          let count = 0;
          document.addEventListener('prediction', () => ++count === 3 && done(count));
        }),
    );
    await page.getByRole('button', { name: 'Webcam' }).click();
    expect(await seen).toBe(3);
    await page.getByRole('button', { name: 'Stop webcam' }).click();
    expect(await page.getByRole('button', { name: 'Webcam' }).getAttribute('aria-pressed')).toBe('false');
    const size = await page.locator('canvas').evaluate((canvas: HTMLCanvasElement) => canvas.width);
    expect(size).toBeGreaterThan(300);
    await context.close();
  });

  test('a chosen folder, a dropped picture, a pasted one', async () => {
    const { page, context } = await openWidgetPage(
      `${script}<ocelli-predict device="wasm"></ocelli-predict>`,
    );
    await page.locator('input[webkitdirectory]').setInputFiles(join(root, 'vit'));
    await page.getByRole('status').filter({ hasText: 'ready' }).waitFor();
    const expected = await headlessFindings(join(root, 'vit'), picture);
    const give = (kind: 'drop' | 'paste'): Promise<PredictionDetail> =>
      page.evaluate(
        async ([name]) => {
          const element = document.querySelector('ocelli-predict')!;
          const blob = await (await fetch('/picture.png')).blob();
          const data = new DataTransfer();
          data.items.add(new File([blob], 'picture.png', { type: 'image/png' }));
          const answer = new Promise<PredictionDetail>((done) =>
            element.addEventListener('prediction', ({ detail }) => done(detail), { once: true }),
          );
          if (name === 'drop')
            element.dispatchEvent(
              new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }),
            );
          else document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
          return answer;
        },
        [kind],
      );
    expectSame(await give('drop'), expected, 1e-5);
    expectSame(await give('paste'), expected, 1e-5);
    await context.close();
  });

  test('a hub: resolved like the hub’s, kept, and fetched again when it has changed', async () => {
    const { page, context } = await openWidgetPage(
      `${script}<ocelli-predict model="org/tiny@v1" hub="/hub" device="wasm"></ocelli-predict>`,
    );
    const files = (folder: string): void => {
      for (const path of ['config.json', 'preprocessor_config.json', 'onnx/model.onnx']) {
        site.put(`/hub/org/tiny/resolve/v1/${path}`, {
          body: readFileSync(join(root, folder, path)),
          headers: { ETag: `"${folder}-${path}"` },
        });
      }
    };
    const weights = '/hub/org/tiny/resolve/v1/onnx/model.onnx';
    const asked = (): string[] => site.requests.filter((request) => request.endsWith(weights));
    files('vit');
    expectSame(await found(page), await headlessFindings(join(root, 'vit'), picture), 1e-5);
    expect(asked()).toEqual([`GET ${weights}`]);
    await page.reload();
    await found(page);
    expect(asked()).toEqual([`GET ${weights}`, `HEAD ${weights}`]);
    files('resnet');
    await page.reload();
    expectSame(await found(page), await headlessFindings(join(root, 'resnet'), picture), 1e-5);
    expect(asked().slice(2)).toEqual([`HEAD ${weights}`, `GET ${weights}`]);
    await context.close();
  });
});

test('what our own path does not know goes through transformers.js, which is loaded only then', async () => {
  const json = JSON.parse(readFileSync(join(root, 'vit/preprocessor_config.json'), 'utf8')) as object;
  const other = { ...json, image_processor_type: 'CLIPImageProcessor', do_center_crop: false };
  site.put('/other/preprocessor_config.json', { body: JSON.stringify(other) });
  for (const path of ['config.json', 'onnx/model.onnx']) {
    site.put(`/other/${path}`, { body: readFileSync(join(root, 'vit', path)) });
  }
  const { page, context } = await openWidgetPage(
    `${script}<ocelli-predict model="/models/vit" device="wasm"></ocelli-predict>`,
  );
  const outside: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(site.url) && !request.url().startsWith('blob:'))
      outside.push(request.url());
  });
  const from = site.requests.length;
  const own = await found(page);
  const isPipeline = (path: string): boolean => path.includes('pipeline-model');
  expect(site.requests.slice(from).filter(isPipeline)).toEqual([]);
  const ready = page.evaluate(
    () =>
      new Promise<string>((done) =>
        document
          .querySelector('ocelli-predict')!
          .addEventListener('ready', (event) => done((event as CustomEvent<ReadyDetail>).detail.path)),
      ),
  );
  await page.evaluate(() => document.querySelector('ocelli-predict')!.setAttribute('model', '/other/'));
  const other2 = await found(page);
  expect(await ready).toBe('transformers.js');
  expect(site.requests.slice(from).filter(isPipeline)).toHaveLength(1);
  expect(outside).toEqual([]);
  // Its resize is another; so are the scores, a little.
  expect(other2.findings.map(({ label }) => label).sort()).toEqual(
    own.findings.map(({ label }) => label).sort(),
  );
  for (const { label, score } of other2.findings) {
    expect(Math.abs(own.findings.find((finding) => finding.label === label)!.score! - score!)).toBeLessThan(
      0.02,
    );
  }
  await context.close();
});

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
    site.headers = headers;
    const { page, context } = await openWidgetPage(body, { headers });
    expect(await runtimeOf(page)).toMatch(/^onnxruntime on wasm, [2-4] threads$/);
    expectSame(await found(page), await headlessFindings(join(root, 'vit'), picture), 1e-5);
    await context.close();
    site.headers = {};
  });

  test('on a static host, by the service worker that a page asks for', async () => {
    const address = '/widget/isolated.html';
    site.put(address, { body: `<script src="./ocelli-isolation.js"></script>${body}` });
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${site.url}${address}`);
    await page.waitForFunction(() => crossOriginIsolated);
    await page.waitForFunction(() => customElements.get('ocelli-predict') !== undefined);
    expect(await runtimeOf(page)).toMatch(/threads$/);
    expectSame(await found(page), await headlessFindings(join(root, 'vit'), picture), 1e-5);
    await context.close();
  });
});

test('nothing to complain about for axe, in light and dark, with a picture and an error', async () => {
  const { page, context } = await openWidgetPage(
    `<main><h1>Test</h1>${script}<ocelli-predict model="/models/yolos" device="wasm" threshold="0.2"></ocelli-predict></main>`,
  );
  await page.addScriptTag({ content: axeSource });
  const shots = '.cache/screenshots';
  mkdirSync(shots, { recursive: true });
  const check = async (state: string): Promise<void> => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.evaluate((dark) => {
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

test('by keyboard alone', async () => {
  const { page, context } = await openWidgetPage(
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
    buffer: Buffer.from(picture),
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
    const { page, context, complaints } = await openWidgetPage(
      `${tag}<ocelli-predict model="/models/yolos" device="webgpu" threshold="0"></ocelli-predict>`,
      { headers: { 'Content-Security-Policy': policy } },
    );
    expectSame(await found(page), await headlessFindings(join(root, 'yolos'), picture));
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
          ? `<script type="module" src="${site.cdn}/widget/ocelli-widget.js"></script>`
          : `<script src="${site.cdn}/widget/ocelli-widget.classic.js"></script>`;
      const headers = {
        'Content-Security-Policy': `default-src 'none'; script-src ${site.cdn} 'wasm-unsafe-eval'; worker-src blob: ${site.cdn}; connect-src 'self' ${site.cdn}`,
      };
      const { page, context, complaints } = await openWidgetPage(
        `${tag}<ocelli-predict model="/models/vit" device="wasm"></ocelli-predict>`,
        { headers },
      );
      expectSame(await found(page), await headlessFindings(join(root, 'vit'), picture));
      expect(complaints.filter((text) => !text.includes("'data:,'"))).toEqual([]);
      await context.close();
    },
  );

  test('a policy without workers is told', async () => {
    const headers = {
      'Content-Security-Policy':
        "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'none'",
    };
    const { page, context } = await openWidgetPage(
      `${script}<ocelli-predict model="/models/vit" device="wasm"></ocelli-predict>`,
      { headers },
    );
    expect(await predict(page)).toMatchObject({
      error: { code: 'worker_crashed', fix: expect.stringContaining('Content-Security-Policy') as string },
    });
    await context.close();
  });

  test('in a frame without an origin (sandbox="allow-scripts")', async () => {
    site.put('/inner.html', {
      body: `<script type="module" src="${site.cdn}/widget/ocelli-widget.js"></script><ocelli-predict model="${site.cdn}/models/vit" device="wasm"></ocelli-predict>`,
    });
    const { page, context } = await openWidgetPage(
      '<iframe sandbox="allow-scripts" src="/inner.html" title="Model"></iframe>',
      {
        wait: false,
      },
    );
    const frame = await (await page.waitForSelector('iframe')).contentFrame();
    await frame!.waitForFunction(() => customElements.get('ocelli-predict') !== undefined);
    const detail = await frame!.evaluate(
      (address) => (document.querySelector('ocelli-predict') as OcelliPredict).predict(address),
      `${site.cdn}/picture.png`,
    );
    expectSame(detail, await headlessFindings(join(root, 'vit'), picture));
    await context.close();
  });
});

describe('what goes wrong is told', () => {
  const config = (): string => readFileSync(join(root, 'vit/config.json'), 'utf8');

  beforeAll(() => {
    const files = {
      'config.json': config(),
      'preprocessor_config.json': readFileSync(join(root, 'vit/preprocessor_config.json'), 'utf8'),
    };
    for (const folder of ['start-page', 'no-onnx', 'broken-onnx']) {
      for (const [path, body] of Object.entries(files)) site.put(`/bad/${folder}/${path}`, { body });
    }
    site.put('/bad/html/config.json', {
      body: '<!doctype html><title>Shop</title>',
      headers: { 'Content-Type': 'text/html' },
    });
    site.put('/bad/start-page/onnx/model.onnx', { body: '<!doctype html><title>Shop</title>' });
    site.put('/bad/start-page/model.onnx', { body: '<!doctype html><title>Shop</title>' });
    site.put('/bad/broken-onnx/onnx/model.onnx', {
      body: readFileSync(join(root, 'vit/onnx/model.onnx')).subarray(0, 5000),
    });
    site.put('/bad/broken.png', { body: picture.subarray(0, 40) });
    site.put('/bad/page.png', { body: '<!doctype html>', headers: { 'Content-Type': 'text/html' } });
  });

  test.each([
    [
      'model="/bad/missing"',
      '/picture.png',
      'model_file_missing',
      /config.json in http.*\/bad\/missing\/.*no such file/,
    ],
    ['model="/bad/html"', '/picture.png', 'model_file_invalid', /an HTML page.*answers with a page/],
    ['model="/bad/start-page"', '/picture.png', 'model_file_missing', /onnx\/model.onnx/],
    ['model="/bad/no-onnx"', '/picture.png', 'model_file_missing', /ocelli export --format onnx/],
    ['model="/bad/broken-onnx"', '/picture.png', 'onnx_unreadable', /an ONNX model that onnxruntime can run/],
    ['model="/models/vit" max-megabytes="0.01"', '/picture.png', 'model_too_large', /at most 0.0 MB/],
    [
      'model="/models/vit" task="detection"',
      '/picture.png',
      'task_not_supported',
      /a model for classification/,
    ],
    ['model="not a name"', '/picture.png', 'model_name_invalid', /hub id/],
    ['', '/picture.png', 'model_missing', /the attribute model/],
    ['model="/models/vit"', '/bad/broken.png', 'image_unreadable', /JPEG, PNG, WebP/],
    ['model="/models/vit"', '/bad/page.png', 'image_unreadable', /a page where the picture should be/],
    ['model="/models/vit"', '/nowhere.png', 'picture_missing', /status 404/],
    ['model="/models/vit"', 'http://127.0.0.1:9/x.png', 'picture_unreachable', /CORS/],
  ])('%s looking at %s', async (attributes, address, code, message) => {
    const { page, context } = await openWidgetPage(
      `${script}<ocelli-predict ${attributes} device="wasm"></ocelli-predict>`,
    );
    const outcome = await predict(page, address);
    expect(outcome).toMatchObject({ error: { code } });
    expect((outcome as { error: ErrorDetail }).error.message).toMatch(message);
    // People read it as well.
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.textContent()).toMatch(/Expected .*Received: /s);
    await context.close();
  });

  test('a browser without WebGPU: `auto` takes WebAssembly, `webgpu` says so', async () => {
    const without = await openChromium({ webgpu: false });
    try {
      const open = (device: string): Promise<Opened> =>
        openWidgetPage(`${script}<ocelli-predict model="/models/vit" device="${device}"></ocelli-predict>`, {
          from: without,
        });
      expectSame(
        await found((await open('auto')).page),
        await headlessFindings(join(root, 'vit'), picture),
        1e-5,
      );
      expect(await predict((await open('webgpu')).page)).toMatchObject({ error: { code: 'no_adapter' } });
    } finally {
      await without.close();
    }
  });
});
