/**
 * The page stands still: whatever comes in while somebody looks at it (a notice, a warning of the run, its end, its failure), nothing
 * that is read or about to be clicked moves away. Measured over a whole journey, on a phone, a tablet and a desktop.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openChromium } from './support/chromium.ts';
import { dropPaths, onDisk, picture } from './support/inputs.ts';
import type { OpenedPage } from './support/page.ts';
import { tinyRecipe } from './support/recipe.ts';
import { shiftsOf } from './support/shifts.ts';
import { limitStorage } from './support/storage.ts';
import { openAppPage, patience, screenshots, show, startTraining, status } from './support/views.ts';

let browser: Browser;
let opened: OpenedPage | undefined;
let scratch: string;
let folder: string;

beforeAll(async () => {
  // Without an adapter: there is a notice on arrival, too.
  browser = await openChromium({ webgpu: false });
  scratch = await mkdtemp(join(tmpdir(), 'ocelli-still-'));
  folder = await onDisk(scratch, 'mine', await pictures());
});

afterAll(async () => {
  await browser?.close();
  if (scratch) await rm(scratch, { recursive: true });
});

afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

/** Two classes in two splits, and among them a picture that breaks off in the middle: that shows when a run decodes it. */
async function pictures(): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 48; i++) {
    const split = i < 32 ? 'train' : 'val';
    files[`${split}/${['round', 'crossed'][i % 2]}/${i}.png`] = await picture(i, 32);
  }
  const whole = await picture(99, 32);
  files['train/round/torn.png'] = whole.subarray(0, Math.floor(whole.length / 2));
  return files;
}

/** Adds what has moved since the last look to a report by phases. */
class Journey {
  private seen = 0;
  readonly lines: string[] = [];
  sum = 0;
  largest = 0;

  constructor(private readonly page: Page) {}

  async note(phase: string): Promise<void> {
    const all = await shiftsOf(this.page);
    for (const { value, moved } of all.slice(this.seen)) {
      this.sum += value;
      this.largest = Math.max(this.largest, value);
      this.lines.push(`${phase}: ${value.toFixed(4)} ${moved.slice(0, 3).join('; ')}`);
    }
    this.seen = all.length;
  }

  /** After a reload the browser counts anew. */
  begunAnew(): void {
    this.seen = 0;
  }
}

const views = ['data', 'model', 'recipe', 'runs', 'errors', 'try', 'export', 'device'];

test.each([
  [360, 740],
  [768, 1024],
  [1280, 900],
])('at %i × %i nothing jumps from the first visit to the second', async (width, height) => {
  opened = await openAppPage(browser, {
    recipe: tinyRecipe({ epochs: 40 }),
    viewport: { width, height },
  });
  const { page } = opened;
  const journey = new Journey(page);
  const see = (what: string) => page.screenshot({ path: join(screenshots, `journey-${what}-${width}.png`) });
  await page.waitForFunction(() => document.querySelectorAll('.hero-samples img').length === 8);
  await page.waitForTimeout(700);
  await journey.note('first visit');

  await show(page, 'data');
  await page.getByText('1 to 12 of 16').waitFor(patience);
  await dropPaths(page, '.drop-zone', [folder]);
  await page.getByText('1 to 12 of 3').waitFor(patience);
  await page.waitForTimeout(700);
  await journey.note('data');

  await show(page, 'train');
  await page.waitForTimeout(700);
  await journey.note('before the run');
  await startTraining(page);
  await status(page, 'running');
  await page.locator('.tray .notice', { hasText: 'torn.png' }).waitFor(patience);
  await page.getByText('Last checkpoint').waitFor(patience);
  // It stands still until the disk is full: it must not be over before.
  await page.getByRole('button', { name: 'Pause' }).click();
  await status(page, 'paused');
  await page.waitForTimeout(1200);
  await journey.note('start and warning');
  await see('warning');

  const full = await limitStorage(opened, page);
  // By script: what moves after a click is the user's doing.
  await page.getByRole('button', { name: 'Go on' }).evaluate((button: HTMLElement) => button.click());
  await status(page, 'failed');
  await page.waitForTimeout(1200);
  await journey.note('failure');
  await see('failure');
  await full.lift();
  await page.getByRole('button', { name: 'Resume from the checkpoint' }).click();
  await status(page, 'running');
  await page.waitForTimeout(1200);
  await journey.note('resumed');
  await status(page, 'finished');
  await page.waitForTimeout(1200);
  await journey.note('end');
  await see('end');
  for (const view of views) {
    await show(page, view);
    await page.waitForTimeout(700);
    await journey.note(view);
  }
  await page.reload();
  journey.begunAnew();
  await page.waitForTimeout(2000);
  await journey.note('second visit');
  await show(page, 'train');
  await page.waitForTimeout(700);
  await journey.note('second visit, train');

  console.log(
    `${width} px: ${journey.sum.toFixed(4)}, the largest ${journey.largest.toFixed(4)}\n${journey.lines.join('\n')}`,
  );
  expect(journey.sum, journey.lines.join('\n')).toBeLessThan(0.02);
});
