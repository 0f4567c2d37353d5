/** Builds a page of the tests with the browser's build and serves it on a free loopback port. */
import { spawn } from 'node:child_process';
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

export interface DevSite {
  readonly url: string;
  close(): Promise<void>;
}

/** What `npm run dev` starts. @param cacheDir where packages are prepared; an empty one is that of a first start */
export async function openDevSite(cacheDir: string): Promise<DevSite> {
  const options = { configFile: resolve('vite.config.ts'), cacheDir, logLevel: 'warn' };
  const script = `
    const { createServer } = await import('vite');
    const server = await createServer({ ...${JSON.stringify(options)}, server: { host: '127.0.0.1', port: 0 } });
    await server.listen();
    console.log(server.resolvedUrls.local[0]);`;
  // Vitest has told Vite in this process that everything is a test.
  const { NODE_ENV, VITEST, VITEST_MODE, ...env } = process.env;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  const url = await new Promise<string>((found, fail) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const [address] = /http:\S+/.exec(text) ?? [];
      if (address) found(address);
    });
    void ended.then(() => fail(new Error('the development server did not start')));
  });
  const close = async (): Promise<void> => {
    child.kill();
    await ended;
  };
  return { url, close };
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
