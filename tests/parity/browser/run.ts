/**
 * Reference cases in Chromium: the page is built and served, the cases' files are served beside it, for reading
 * and from loopback alone, and each result comes back as it is made.
 */
import { createReadStream, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join, relative } from 'node:path';
import { openChromium } from '../../browser/support/chromium.ts';
import { openSite } from '../../browser/support/site.ts';
import type { CheckResult, ParityCase, ParityOptions } from '../case.ts';
import type { CasesRequest } from './cases.worker.ts';

/** A case names files beside it and up to one folder above it. */
const mostFiles = 50_000;

export async function runInBrowser(
  cases: readonly ParityCase[],
  options: ParityOptions,
  emit: (result: CheckResult) => void,
): Promise<void> {
  // The cases themselves first: of a parent with more files than we list, only a part is there.
  const folders = cases.map(({ folder }) => folder);
  const files = await serveFiles([...new Set([...folders, ...folders.map((folder) => dirname(folder))])]);
  const site = await openSite({ page: 'tests/parity/browser/index.html' });
  const browser = await openChromium();
  try {
    const page = await browser.newPage();
    page.on('pageerror', (error) => console.error(error));
    page.on('crash', () => console.error('the page crashed'));
    await page.exposeFunction('parityCheck', emit);
    await page.goto(site.url);
    await page.waitForFunction(() => 'runParity' in window);
    const request: CasesRequest = { cases, options, folders: files.folders };
    await page.evaluate((given) => window.runParity(given), request);
  } finally {
    await browser.close();
    await site.close();
    await files.close();
  }
}

interface ServedFiles {
  readonly folders: CasesRequest['folders'];
  close(): Promise<void>;
}

async function serveFiles(roots: readonly string[]): Promise<ServedFiles> {
  const listed = new Map<string, readonly { path: string; size: number }[]>();
  for (const root of roots) listed.set(root, await filesBelow(root));
  const server = createServer((request, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Access-Control-Allow-Headers', 'Range');
    if (request.method === 'OPTIONS') return void response.writeHead(204).end();
    const [, number, ...parts] = new URL(request.url ?? '/', 'http://localhost').pathname
      .split('/')
      .map(decodeURIComponent);
    const root = roots[Number(number)];
    const path = parts.join('/');
    const known = root === undefined ? undefined : listed.get(root)?.find((entry) => entry.path === path);
    if (request.method !== 'GET' || root === undefined || !known) return void response.writeHead(404).end();
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    if (from === undefined) {
      createReadStream(join(root, path)).pipe(response.writeHead(200));
    } else {
      response.writeHead(206, { 'Content-Range': `bytes ${from}-${to}/${known.size}` });
      createReadStream(join(root, path), { start: Number(from), end: Number(to) }).pipe(response);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    folders: [...listed].map(([path, entries], i) => ({
      path,
      base: `http://127.0.0.1:${port}/${i}/`,
      entries,
    })),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function filesBelow(root: string): Promise<{ path: string; size: number }[]> {
  const found: { path: string; size: number }[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (found.length > mostFiles) return;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await walk(path);
      else found.push({ path: relative(root, path), size: statSync(path).size });
    }
  };
  await walk(root);
  return found;
}
