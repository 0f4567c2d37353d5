/** Builds a page of the tests with the browser's build and serves it on a free loopback port. */
import { dirname, resolve } from 'node:path';
import { build, type InlineConfig, preview } from 'vite';

export interface Site {
  readonly url: string;
  close(): Promise<void>;
}

export interface SiteOptions {
  /** The page, relative to the repository. */
  readonly page?: string;
  /** Cross-origin isolation: threads of WebAssembly, exact timers. */
  readonly isolated?: boolean;
  /** Serve what was built before. */
  readonly built?: boolean;
}

const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Where this run of the tests has built `page` or `app`: others that run beside it build theirs elsewhere. */
export function builtFolder(name: string): string {
  process.env.OCELLI_BROWSER_BUILD ??= resolve('.cache/browser', String(process.pid));
  return resolve(process.env.OCELLI_BROWSER_BUILD, name);
}

export async function openSite({
  page = 'tests/browser/page/index.html',
  isolated,
  built,
}: SiteOptions = {}): Promise<Site> {
  const root = dirname(resolve(page));
  // The app's page lies at the root of the repository.
  const outDir = builtFolder(page.split('/').at(-2) ?? 'app');
  const shared = { configFile: resolve('vite.config.ts'), mode: 'browser', root, logLevel: 'warn' } as const;
  if (!built) await buildForProduction({ ...shared, build: { outDir, emptyOutDir: true, sourcemap: false } });
  const server = await preview({
    ...shared,
    build: { outDir },
    preview: {
      host: '127.0.0.1',
      port: 0,
      strictPort: false,
      allowedHosts: true,
      headers: isolated ? isolation : {},
    },
  });
  const address = server.httpServer.address();
  if (address === null || typeof address === 'string') throw new Error('the preview server has no port');
  return {
    url: `http://127.0.0.1:${address.port}/`,
    close: () => server.close(),
  };
}

/** Vitest says "test"; what ships is built for production. */
async function buildForProduction(config: InlineConfig): Promise<void> {
  const before = process.env.NODE_ENV;
  process.env.NODE_ENV = 'production';
  try {
    await build(config);
  } finally {
    process.env.NODE_ENV = before;
  }
}
