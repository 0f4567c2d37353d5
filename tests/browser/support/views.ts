/**
 * Helpers for tests of the app's views: the page of the app with a recipe in place, axe, screenshots. Screenshots lie in
 * `.cache/screenshots`, for people to look at; a test that only asserts would not see that something is ugly.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect, inject } from 'vitest';
import { longestArrivalMs, toastMs } from '../../../src/app/notices.ts';
import type { OpenedPage } from './page.ts';

export const screenshots = '.cache/screenshots';

/** What a run takes on two busy cores, and much more. */
export const patience = { timeout: 400_000 };

export const startTraining = (page: Page): Promise<void> =>
  page.getByRole('button', { name: 'Train', exact: true }).click();

/** Waits until the run that is shown has come to this. */
export const status = (page: Page, name: string): Promise<void> =>
  page.locator(`.run-status.${name}`).waitFor(patience);

/** Goes to a view. */
export async function show(page: Page, view: string): Promise<void> {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#/${view}`);
  await page.locator(`nav a[aria-current=page][href="#/${view.split('?')[0]}"]`).waitFor();
  await page.locator('main h1').waitFor();
}

export interface AppOptions extends BrowserContextOptions {
  /** What the page remembers as its recipe, until it is changed. */
  readonly recipe?: string;
  /** Where the page comes from, if not from the server of all tests. */
  readonly url?: string;
}

/** The app on an empty disk; what it complains about fails the test that closes it. */
export async function openAppPage(
  browser: Browser,
  { recipe, url = inject('appUrl'), ...options }: AppOptions = {},
): Promise<OpenedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  // What the page finds on arrival it finds in time, on a slow machine as well: where notices stand does not depend on its speed.
  // And a toast stays until even a slow test has read it.
  await context.addInitScript(
    (short) => {
      const { setTimeout } = window;
      const patient = (work: TimerHandler, milliseconds = 0, ...rest: unknown[]): number =>
        setTimeout(work, short.includes(milliseconds) ? 100_000 : milliseconds, ...rest);
      Object.assign(window, { setTimeout: patient });
    },
    [longestArrivalMs, toastMs],
  );
  if (recipe !== undefined) {
    await context.addInitScript((text) => {
      if (localStorage.getItem('ocelli-recipe') === null) localStorage.setItem('ocelli-recipe', text);
    }, recipe);
  }
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`page: ${error.stack ?? error.message}`));
  await page.goto(url);
  await page.waitForSelector('h1');
  return {
    page,
    context,
    async close() {
      await context.close();
      expect(complaints).toEqual([]);
    },
  };
}

/** One picture per theme and width: `<name>-light.png`, `-dark.png`, `-phone.png`. */
export async function photograph({ page }: OpenedPage, name: string): Promise<void> {
  await mkdir(screenshots, { recursive: true });
  const size = page.viewportSize()!;
  for (const [look, width, scheme] of [
    ['light', size.width, 'light'],
    ['dark', size.width, 'dark'],
    ['phone', 390, 'light'],
  ] as const) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: size.height });
    // Charts are drawn one per frame, and again when their width has changed.
    await page.waitForTimeout(700);
    await page.screenshot({ path: join(screenshots, `${name}-${look}.png`), fullPage: true });
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(size);
}

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** Violations of axe's rules that are serious or critical, in light and dark. */
export async function accessibilityProblems({ page }: OpenedPage): Promise<string[]> {
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  const problems: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.evaluate(source);
    const violations = await page.evaluate(async () => {
      const { axe } = window as unknown as {
        axe: { run(): Promise<{ violations: readonly Violation[] }> };
      };
      return (await axe.run()).violations;
    });
    for (const { id, impact, nodes } of violations) {
      if (impact !== 'serious' && impact !== 'critical') continue;
      for (const { html, failureSummary } of nodes) {
        problems.push(`${colorScheme} ${id}: ${html}\n${failureSummary}`);
      }
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  return problems;
}
