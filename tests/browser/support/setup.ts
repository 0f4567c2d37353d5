/** Builds and serves the page of the tests and the app, once for all tests of the browser. */
import { rm } from 'node:fs/promises';
import type { TestProject } from 'vitest/node';
import { builtFolder, openSite } from './site.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    siteUrl: string;
    /** The demo app. */
    appUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const site = await openSite();
  const app = await openSite({ page: 'index.html' });
  project.provide('siteUrl', site.url);
  project.provide('appUrl', app.url);
  return async () => {
    await site.close();
    await app.close();
    await rm(builtFolder('.'), { recursive: true, force: true });
  };
}
