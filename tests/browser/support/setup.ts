/** Builds and serves the page once for all tests of the browser. */
import type { TestProject } from 'vitest/node';
import { openSite } from './site.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    siteUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const site = await openSite();
  project.provide('siteUrl', site.url);
  return () => site.close();
}
