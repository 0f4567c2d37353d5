/**
 * A model on a page: the widget beside a plain pipeline of transformers.js, the same folder, the same picture (JPEG of
 * 640 × 480), the same browser (Chromium) and adapter; `predict` on WebGPU, `predict/wasm` without.
 *
 * `first_ms`: from the start of the navigation to the first answer, everything cold: a fresh context each time, files from
 * a server on this machine. The widget's page is one script tag and the element with `src`; the peer's asks for its
 * pipeline and looks at the picture at once. `latency_ms`: the same picture again and again on pages that stay open, from a
 * Blob to the answer: decoding, preparing, the model. `cpu_ms`: what all processes of the browser compute for one such
 * look, which other work on the machine changes less; for the widget that is also drawing each picture with its answer,
 * which the peer's page does not do. Contenders take turns (the order reversed every round); medians. Both run with one
 * thread: the pages are not isolated.
 *
 * Both must say the same: the bench fails when the best labels differ, or scores by more than 0.02.
 *
 * The model is a small ViT (128 wide, 4 layers, 112 px) with random weights: times don't depend on them. On a software adapter the model's own arithmetic, which both leave to onnxruntime, is most of the time.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import { encodeImage } from '#platform';
import { ClassMap, derive } from '../../src/core/index.ts';
import { openDevice } from '../../src/engine/index.ts';
import { exportModel } from '../../src/export/index.ts';
import { fromConfig } from '../../src/models/index.ts';
import type { OcelliPredict } from '../../src/widget/index.ts';
import { openChromium } from '../../tests/browser/support/chromium.ts';
import { buildWidget, openWidgetSite, type WidgetSite } from '../../tests/browser/support/widget-site.ts';
import { type BenchCase, type BenchReport, interleaved, median } from '../case.ts';

const peerName = 'transformers.js';
/** Per turn; a turn's time is their median. */
const looks = 3;
/** Turns a round: quick answers are measured more often. */
const turns = { webgpu: 2, wasm: 12 };
const config = {
  ...{ model_type: 'vit', hidden_size: 128, num_hidden_layers: 4, num_attention_heads: 4 },
  ...{ intermediate_size: 256, image_size: 112, patch_size: 16 },
};

export const predict: BenchCase = {
  name: 'predict',

  async run(report, { rounds = 3 }) {
    const root = mkdtempSync(join(tmpdir(), 'ocelli-predict-'));
    let site: WidgetSite | undefined;
    let browser: Browser | undefined;
    try {
      await writeModel(join(root, 'vit'));
      site = await openWidgetSite({ widget: await buildWidget(), plain: await buildPlain(), models: root });
      site.put('/picture.jpg', { body: await encodeImage(picture(640, 480), 'jpeg') });
      browser = await openChromium();
      for (const device of ['webgpu', 'wasm'] as const) {
        const rows = device === 'webgpu' ? report : report.of('predict/wasm');
        await compare(browser, site, device, rounds, rows);
      }
    } finally {
      await browser?.close();
      await site?.close();
      rmSync(root, { recursive: true, force: true });
    }
  },
};

interface Contender {
  readonly address: string;
  /** Milliseconds until the first answer. */
  first(page: Page): Promise<number>;
  /** Milliseconds per look, the median of some. */
  look(page: Page): Promise<number>;
  /** The best labels with their scores. */
  answer(page: Page): Promise<{ label: string; score: number }[]>;
}

async function compare(
  browser: Browser,
  site: WidgetSite,
  device: 'webgpu' | 'wasm',
  rounds: number,
  report: BenchReport,
): Promise<void> {
  const contenders = { ours: widgetOf(site, device), peer: plainOf(site, device) };
  const cold = (contender: Contender) => async (): Promise<number> => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(contender.address);
    const time = await contender.first(page);
    await context.close();
    return time;
  };
  const first = await interleaved(rounds, { ours: cold(contenders.ours), peer: cold(contenders.peer) });
  report.ours('first_ms', median(first.ours), 'ms', [goal(median(first.peer) / median(first.ours))]);
  report.peer(peerName, 'first_ms', median(first.peer), 'ms');

  const context = await browser.newContext();
  const open = async (contender: Contender): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(contender.address);
    await contender.first(page);
    return page;
  };
  const pages = { ours: await open(contenders.ours), peer: await open(contenders.peer) };
  requireSame(await contenders.ours.answer(pages.ours), await contenders.peer.answer(pages.peer));
  report.note(await describe(pages.ours));
  const cpuSoFar = await openCpuClock(browser);
  const turn = (name: 'ours' | 'peer') => async (): Promise<{ time: number; cpu: number }> => {
    await pages[name].bringToFront();
    const before = await cpuSoFar();
    const time = await contenders[name].look(pages[name]);
    return { time, cpu: ((await cpuSoFar()) - before) / looks };
  };
  await interleaved(1, { ours: turn('ours'), peer: turn('peer') });
  const steady = await interleaved(rounds * turns[device], { ours: turn('ours'), peer: turn('peer') });
  const times = { ours: steady.ours.map(({ time }) => time), peer: steady.peer.map(({ time }) => time) };
  report.ours('latency_ms', median(times.ours), 'ms', [goal(median(times.peer) / median(times.ours))]);
  report.peer(peerName, 'latency_ms', median(times.peer), 'ms');
  report.ours('cpu_ms', median(steady.ours.map(({ cpu }) => cpu)), 'ms');
  report.peer(peerName, 'cpu_ms', median(steady.peer.map(({ cpu }) => cpu)), 'ms');
  await context.close();
}

/** Milliseconds that all processes of a browser have computed for so far. */
async function openCpuClock(browser: Browser): Promise<() => Promise<number>> {
  const session = await browser.newBrowserCDPSession();
  return async () => {
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime * 1000, 0);
  };
}

const goal = (ratio: number): string =>
  `at most 0.8 of the peer's time: ${(1 / ratio).toFixed(2)}, ${ratio >= 1.25 ? 'reached' : ratio >= 1 ? 'not slower' : 'missed'}`;

function widgetOf(site: WidgetSite, device: string): Contender {
  const body = `<script type="module" src="/widget/ocelli-widget.js"></script>
<ocelli-predict model="/models/vit" device="${device}" src="/picture.jpg"></ocelli-predict>
<script>window.first = new Promise((done) => document.addEventListener('prediction', () => done(performance.now()), { once: true }))</script>`;
  return {
    address: site.put(`/widget-${device}.html`, { body }),
    first: (page) => page.evaluate(() => (window as unknown as { first: Promise<number> }).first),
    look: (page) =>
      page.evaluate(async (count) => {
        const element = document.querySelector('ocelli-predict') as OcelliPredict;
        const blob = await (await fetch('/picture.jpg')).blob();
        const times: number[] = [];
        for (let i = 0; i < count; i++) {
          const start = performance.now();
          await element.predict(blob);
          times.push(performance.now() - start);
        }
        return times.sort((a, b) => a - b)[count >> 1]!;
      }, looks),
    answer: (page) =>
      page.evaluate(async () => {
        const element = document.querySelector('ocelli-predict') as OcelliPredict;
        const { findings } = await element.predict('/picture.jpg');
        return findings.map(({ label, score }) => ({ label, score: score! }));
      }),
  };
}

interface PlainPage {
  readonly first: Promise<number>;
  look(picture: Blob): Promise<{ label: string; score: number }[]>;
}

function plainOf(site: WidgetSite, device: string): Contender {
  return {
    address: `${site.url}/plain/index.html?device=${device}&model=vit&task=image-classification`,
    async first(page) {
      await page.waitForFunction(() => 'first' in window);
      return page.evaluate(() => (window as unknown as PlainPage).first);
    },
    look: (page) =>
      page.evaluate(async (count) => {
        const { look } = window as unknown as PlainPage;
        const blob = await (await fetch('/picture.jpg')).blob();
        const times: number[] = [];
        for (let i = 0; i < count; i++) {
          const start = performance.now();
          await look(blob);
          times.push(performance.now() - start);
        }
        return times.sort((a, b) => a - b)[count >> 1]!;
      }, looks),
    answer: (page) =>
      page.evaluate(async () => {
        const blob = await (await fetch('/picture.jpg')).blob();
        return (window as unknown as PlainPage).look(blob);
      }),
  };
}

function requireSame(
  ours: { label: string; score: number }[],
  peers: { label: string; score: number }[],
): void {
  const scores = new Map(ours.map(({ label, score }) => [label, score]));
  const differ = peers.filter(({ label, score }) => !(Math.abs((scores.get(label) ?? -1) - score) < 0.02));
  if (differ.length === 0 && peers.length > 0) return;
  throw new Error(`the contenders disagree: ${JSON.stringify(ours)} and ${JSON.stringify(peers)}`);
}

/** The adapter, and whether the widget replays a recording by now. */
function describe(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const element = document.querySelector('ocelli-predict') as OcelliPredict;
    const [session] = (await element.workerState())?.sessions ?? [];
    const adapter = await navigator.gpu?.requestAdapter();
    const { vendor, architecture, description } = adapter?.info ?? {};
    return `${session?.device}; adapter ${[vendor, architecture, description].filter(Boolean).join(' ')}; recording ${session?.capture}`;
  });
}

async function writeModel(folder: string): Promise<void> {
  const device = await openDevice('wasm');
  try {
    const classes = new ClassMap(Array.from({ length: 5 }, (_, i) => ({ id: i, name: `class ${i}` })));
    const loaded = fromConfig(config, { task: 'classification', classes, seed: 1 });
    const { files } = await exportModel(loaded, { format: 'onnx' });
    loaded.model.dispose();
    for (const [path, bytes] of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), bytes);
    }
  } finally {
    await device.dispose();
  }
}

async function buildPlain(): Promise<string> {
  const outDir = resolve('.cache/bench/predict');
  await build({
    configFile: false,
    root: resolve('bench/predict'),
    base: './',
    publicDir: false,
    logLevel: 'error',
    build: { outDir, emptyOutDir: true, target: 'es2022', modulePreload: false },
  });
  return outDir;
}

/** Soft shapes: no resize makes much of a difference. */
function picture(width: number, height: number): { width: number; height: number; data: Uint8Array } {
  const random = derive(7, 'picture');
  const waves = Array.from({ length: 3 }, () => [
    random.next() * 0.02,
    random.next() * 0.02,
    random.next() * 6,
  ]);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [a, b, c] = waves[i % 3] as [number, number, number];
    const p = Math.floor(i / 3);
    return 128 + 110 * Math.sin(a * (p % width) + b * Math.floor(p / width) + c);
  });
  return { width, height, data };
}
