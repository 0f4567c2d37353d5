/** A browser whose disk is full, and has room again. */
import type { Page } from 'playwright-core';
import type { OpenedPage } from './page.ts';

/** Nothing more can be written by the page's site until the limit is lifted. */
export async function limitStorage({ context }: OpenedPage, page: Page): Promise<{ lift(): Promise<void> }> {
  const session = await context.newCDPSession(page);
  const { origin } = new URL(page.url());
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 });
  return {
    lift: async () => {
      await session.send('Storage.overrideQuotaForOrigin', { origin });
      await session.detach();
    },
  };
}
