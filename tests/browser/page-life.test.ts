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
    // Under way until it is stopped, whatever the machine.
    await page.evaluate(
      (recipe) => window.ocelli.start({ recipe, device: 'wasm' }),
      tinyRecipe({ epochs: 5000 }),
    );
    await page.evaluate(() => window.ocelli.seen('step', 1));
    expect(await page.evaluate(() => window.ocelli.client.keepsAwake)).toBe(true);

    await page.evaluate(() => window.ocelli.client.worker.stop());
    expect(await page.evaluate(() => window.ocelli.ended())).toMatchObject({ value: { outcome: 'stopped' } });
    expect(await page.evaluate(() => window.ocelli.client.keepsAwake)).toBe(false);
  } finally {
    await close();
  }
});

test('the page stays smooth: no task of its own is long while the worker trains', async () => {
  const { page, close } = await openPage(browser);
  try {
    // Long enough for the trace to begin in its first steps; its end, with export and report, belongs to what is measured.
    await page.evaluate(
      (recipe) => window.ocelli.start({ recipe, device: 'wasm' }),
      tinyRecipe({ epochs: 40 }),
    );
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

    await tab.evaluate(yardsticks);
    const nothing = { steps: 0, work: 0, ticks: 0 };
    const counts = { visible: { ...nothing }, hidden: { ...nothing } };
    // At least as long as it takes to tell a tenth of the speed from half of it.
    for (let round = 0; round < 4 || counts.visible.steps < 40; round++) {
      for (const state of ['visible', 'hidden'] as const) {
        await (state === 'visible' ? tab : other).show();
        await until(`document.visibilityState === '${state}'`);
        const before = await tab.evaluate<typeof nothing>('counts()');
        await pause(3000);
        const after = await tab.evaluate<typeof nothing>('counts()');
        for (const name of ['steps', 'work', 'ticks'] as const) {
          counts[state][name] += after[name] - before[name];
        }
        expect(await tab.evaluate('document.visibilityState')).toBe(state);
      }
    }
    const { visible, hidden } = counts;
    console.log(
      `${visible.steps} steps while it was seen, ${hidden.steps} while it was hidden; of work without timers ${visible.work} and ${hidden.work}, of timers ${visible.ticks} and ${hidden.ticks}`,
    );
    // Chromium wakes timers of hidden tabs once a second: whoever depends on them is ten times as slow.
    expect(hidden.ticks).toBeLessThan(0.5 * visible.ticks);
    // Beside work that knows no timers: what the machine has for this process at a time does not count.
    expect(hidden.steps / hidden.work).toBeGreaterThan((0.5 * visible.steps) / visible.work);
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
      tinyRecipe({ epochs: 5000 }),
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

/** Beside the steps of the run: work of a worker that never waits, and timers of the page. */
const yardsticks = `
  const busy = new Worker(URL.createObjectURL(new Blob([\`
    let work = 0;
    const turn = new MessageChannel();
    turn.port1.onmessage = () => {
      self.sum = 0;
      for (let i = 0; i < 1e5; i++) self.sum += Math.sqrt(i);
      work++;
      turn.port2.postMessage(0);
    };
    turn.port2.postMessage(0);
    onmessage = () => postMessage(work);
  \`])));
  let ticks = 0;
  const tick = () => {
    ticks++;
    setTimeout(tick, 50);
  };
  tick();
  globalThis.counts = async () => {
    const work = await new Promise((done) => {
      busy.onmessage = ({ data }) => done(data);
      busy.postMessage(0);
    });
    return { work, ticks, steps: ocelli.events.filter(({ type }) => type === 'step').length };
  };
  0`;

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
