/**
 * Pages with the widget, for all tests of it: its build on a static host, models, a picture, and the questions that tests
 * ask of an element. A page is opened in a context of its own, so that nothing is kept from another test.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { encodeImage } from '#platform';
import type { ErrorDetail, OcelliPredict, PredictionDetail } from '../../../src/widget/index.ts';
import { openChromium } from './chromium.ts';
import { type HeadlessFinding, type WidgetModelSource, writeWidgetModels } from './widget-models.ts';
import { buildWidget, openWidgetSite, type WidgetSite } from './widget-site.ts';

export const script = '<script type="module" src="/widget/ocelli-widget.js"></script>';

/** Milliseconds: machines that test are busy, and draw by software. Nothing waits for time to pass, only for this at most. */
const patience = 240_000;

export interface Opened {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts, and what the console calls errors. */
  readonly complaints: string[];
}

export interface OpenOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly from?: Browser;
  /** `false`: don't wait until the element is known. */
  readonly wait?: boolean;
  /** A device without mouse and keys. */
  readonly phone?: boolean;
}

export interface WidgetPages {
  readonly site: WidgetSite;
  readonly browser: Browser;
  /** Folder of the models; they are served below `/models/`. */
  readonly root: string;
  /** A PNG of 100 × 75, also at `/picture.png`. */
  readonly picture: Uint8Array;
  /** A page with that body and those headers. */
  open(body: string, options?: OpenOptions): Promise<Opened>;
}

export const modelSources: Readonly<Record<string, WidgetModelSource>> = {
  vit: { name: 'vit' },
  labels: { name: 'vit, several labels' },
  resnet: { name: 'resnet', processor: { size: { shortest_edge: 36 }, crop_pct: 0.875 } },
  yolos: { name: 'yolos', processor: { size: { height: 48, width: 64 } } },
  detr: { name: 'detr', processor: { size: { shortest_edge: 64, longest_edge: 107 } } },
  hubDetr: {
    name: 'detr',
    processor: { size: { shortest_edge: 64, longest_edge: 107 } },
    maskSide: 64,
  },
  half: { name: 'vit', dtype: 'fp16' },
};

/** Prepared before the tests of a file, and put away after them. */
export function widgetPages(
  models: readonly (keyof typeof modelSources)[],
  prepare: (pages: WidgetPages) => Promise<void> | void = () => {},
): WidgetPages {
  let site: WidgetSite;
  let browser: Browser;
  let root = '';
  let picture: Uint8Array;
  let count = 0;
  const pages: WidgetPages = {
    get site() {
      return site;
    },
    get browser() {
      return browser;
    },
    get root() {
      return root;
    },
    get picture() {
      return picture;
    },
    async open(body, { headers = {}, from = browser, wait = true, phone = false } = {}) {
      const device = phone ? { hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } } : {};
      const context = await from.newContext({ viewport: { width: 720, height: 900 }, ...device });
      context.setDefaultTimeout(patience);
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(`page: ${error.message}`));
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
      });
      await page.goto(site.put(`/page-${++count}.html`, { body, headers }));
      if (wait) await page.waitForFunction(() => customElements.get('ocelli-predict') !== undefined);
      return { page, context, complaints };
    },
  };
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'ocelli-widget-'));
    await writeWidgetModels(root, Object.fromEntries(models.map((name) => [name, modelSources[name]!])));
    site = await openWidgetSite({ widget: await buildWidget(), models: root });
    picture = await encodeImage({ width: 100, height: 75, data: gradient(100, 75) }, 'png');
    site.put('/picture.png', { body: picture });
    browser = await openChromium({
      more: ['--use-fake-device-for-media-stream=device-count=2', '--use-fake-ui-for-media-stream'],
    });
    await prepare(pages);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    if (root) rmSync(root, { recursive: true });
  });
  return pages;
}

/** Colours that differ everywhere, and edges. */
function gradient(width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const p = Math.floor(i / 3);
    const [x, y] = [p % width, Math.floor(p / width)];
    const disc = (x - 40) ** 2 + (y - 30) ** 2 < 400 ? 120 : 0;
    return [x * 2, y * 3, 128][i % 3]! ^ disc;
  });
}

export type Outcome = { readonly detail: PredictionDetail } | { readonly error: Omit<ErrorDetail, 'error'> };

/** Looks at a picture; the element's own event tells what came of it. */
export function predict(page: Page, address = '/picture.png', selector = 'ocelli-predict'): Promise<Outcome> {
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

export async function found(
  page: Page,
  { selector, address }: { readonly selector?: string; readonly address?: string } = {},
): Promise<PredictionDetail> {
  const outcome = await predict(page, address, selector);
  if ('error' in outcome) throw new Error(JSON.stringify(outcome.error));
  return outcome.detail;
}

/** Same labels and places; scores within the difference between two builds of onnxruntime. */
export function expectSame(
  detail: PredictionDetail,
  expected: readonly HeadlessFinding[],
  tolerance = 1e-4,
): void {
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

export const stateOf = (page: Page): ReturnType<OcelliPredict['workerState']> =>
  page.evaluate(() => (document.querySelector('ocelli-predict') as OcelliPredict).workerState());
