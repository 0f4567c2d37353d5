/**
 * The usual life of a browser test: one browser for the file, and for each test a page with a disk of its own, which is closed behind
 * it with what it complained about.
 */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { openChromium } from './chromium.ts';
import type { OpenedPage } from './page.ts';

/**
 * @param open what every test begins with: the app (`openAppPage`) or a page of the client alone (`openPage`)
 * @param ready told the page of the test that begins
 */
export function pageOfTest(
  open: (browser: Browser) => Promise<OpenedPage>,
  ready: (opened: OpenedPage, browser: Browser) => void,
): void {
  let browser: Browser;
  let opened: OpenedPage | undefined;
  beforeAll(async () => {
    browser = await openChromium();
  });
  beforeEach(async () => {
    opened = await open(browser);
    ready(opened, browser);
  });
  afterEach(async () => {
    const over = opened;
    opened = undefined;
    await over?.close();
  });
  afterAll(async () => {
    await browser?.close();
  });
}
