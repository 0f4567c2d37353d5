/**
 * The app's main thread while it trains: the page as it ships, the run of a first visit (the model that comes with it on the
 * sample shapes, in WebAssembly), 40 steps from its first live predictions on. `longest_task_ms` is the longest task of that
 * thread and `busy_ms_per_s` the sum of all of them, both in its own time (what other processes take of a busy
 * machine does not count), from Chromium's trace. A page that has no task at all was not measured, and fails.
 */
import { openChromium } from '../tests/browser/support/chromium.ts';
import { openSite } from '../tests/browser/support/site.ts';
import { mainThreadTasks, traceCategories } from '../tests/browser/support/trace.ts';
import type { BenchCase } from './case.ts';

/** Milliseconds above which a browser calls a task long. */
const budget = 50;
const steps = 40;

export const page: BenchCase = {
  name: 'page',

  async run(report) {
    const site = await openSite({ page: 'index.html' });
    const browser = await openChromium({ webgpu: false });
    try {
      const tab = await browser.newPage();
      await tab.goto(site.url);
      await tab.waitForFunction(() => document.querySelectorAll('.hero-samples img').length === 8);
      await tab.getByRole('button', { name: 'Train', exact: true }).click();
      await tab.locator('.predictions [role=meter]').first().waitFor({ timeout: 120_000 });
      const stepNow = (): Promise<number> =>
        tab
          .getByText(/^step \d+ of/)
          .textContent()
          .then((text) => Number.parseInt(text!.slice('step '.length), 10));
      const last = (await stepNow()) + steps;
      const started = performance.now();
      await browser.startTracing(tab, { categories: traceCategories });
      while ((await stepNow()) < last) await tab.waitForTimeout(500);
      const wall = performance.now() - started;
      const tasks = mainThreadTasks(await browser.stopTracing());
      const [longest] = tasks;
      if (longest === undefined) throw new Error('the trace has no task of the main thread');
      const verdict = longest <= budget ? 'reached' : 'missed';
      report.ours('longest_task_ms', longest, 'ms', [
        `at most ${budget} ms: ${longest.toFixed(1)}, ${verdict}`,
      ]);
      const busy = tasks.reduce((sum, task) => sum + task, 0);
      report.ours('busy_ms_per_s', busy / (wall / 1000), 'ms');
    } finally {
      await browser.close();
      await site.close();
    }
  },
};
