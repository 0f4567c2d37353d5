/** A page of the site under test, with storage of its own; what it complains about ends up in the test's output. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { inject } from 'vitest';

export interface OpenedPage {
  readonly page: Page;
  readonly context: BrowserContext;
  close(): Promise<void>;
}

export async function openPage(browser: Browser, url = inject('siteUrl')): Promise<OpenedPage> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`page: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  await page.goto(url);
  await page.waitForFunction(() => 'ocelli' in window);
  return {
    page,
    context,
    async close() {
      await context.close();
      for (const complaint of complaints) console.error(complaint);
    },
  };
}
