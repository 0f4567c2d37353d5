/**
 * A static host for pages with the widget: its built files, models, pictures, and pages of a few lines with the headers
 * that a test wants. A second address (another port) stands for another origin, such as a CDN.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, resolve } from 'node:path';
import { build } from 'vite';

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface WidgetSite {
  readonly url: string;
  /** Another origin with the same files, which lets every page read them. */
  readonly cdn: string;
  /** A page or a file at an address (`/page.html`); a page's HTML is its `<body>`, or all of it from `<!doctype` on. */
  put(path: string, answer: Answer): string;
  /** Sent with everything, beside an answer's own. */
  headers: Readonly<Record<string, string>>;
  /** Paths that were asked for, in order. */
  readonly requests: string[];
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
  '.html': 'text/html; charset=utf-8',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
};

/** Builds the widget into a folder of its own, if its sources have changed since it was built there. */
export const buildWidget = (): Promise<string> => buildModes('widget', ['widget', 'isolation']);

/** The same for its files of the npm package. */
export const buildPackageWidget = (): Promise<string> =>
  buildModes('embed', ['embed-page', 'embed-worker', 'embed-pipelines']);

async function buildModes(name: string, modes: readonly string[]): Promise<string> {
  const outDir = resolve('.cache/browser', name);
  const note = join(outDir, 'built-from.txt');
  const state = sourceState();
  if (existsSync(note) && readFileSync(note, 'utf8') === state) return outDir;
  const before = process.env.NODE_ENV;
  // Vitest says "test"; what ships is built for production.
  process.env.NODE_ENV = 'production';
  try {
    const configFile = resolve('vite.config.ts');
    for (const [i, mode] of modes.entries()) {
      await build({ configFile, mode, logLevel: 'error', build: { outDir, emptyOutDir: i === 0 } });
    }
  } finally {
    process.env.NODE_ENV = before;
  }
  writeFileSync(note, state);
  return outDir;
}

/** Names, sizes and times of all that the build may read. */
function sourceState(): string {
  const files = ['src', 'workers'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  const hash = createHash('sha256');
  for (const file of [...files, 'package-lock.json', 'vite.config.ts'].sort()) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${file} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

export async function openWidgetSite(folders: Readonly<Record<string, string>>): Promise<WidgetSite> {
  const answers = new Map<string, Answer>();
  const requests: string[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse, shared: boolean): void => {
    const path = decodeURIComponent(new URL(request.url!, 'http://host').pathname);
    requests.push(`${request.method} ${path}`);
    const given = answers.get(path) ?? fileOf(path, folders);
    const { status = given ? 200 : 404, headers = {}, body = 'not found' } = given ?? {};
    const bytes = Buffer.from(body as string);
    const etag = { ETag: `"${bytes.length}-${path}"` };
    const cors = shared
      ? {
          'Access-Control-Allow-Origin': '*',
          'Access-Control-Expose-Headers': 'ETag',
          'Cross-Origin-Resource-Policy': 'cross-origin',
        }
      : {};
    response.writeHead(status, {
      'Content-Type': types[extname(path)] ?? 'application/octet-stream',
      'Content-Length': String(bytes.length),
      ...(status === 200 ? etag : {}),
      ...cors,
      ...site.headers,
      ...headers,
    });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  };
  const own = await listen(createServer((request, response) => answer(request, response, false)));
  const cdn = await listen(createServer((request, response) => answer(request, response, true)));
  const site: WidgetSite = {
    headers: {},
    url: addressOf(own),
    cdn: addressOf(cdn),
    requests,
    put(path, given) {
      const { body } = given;
      const isPage = typeof body === 'string' && path.endsWith('.html') && !body.startsWith('<!doctype');
      const whole = isPage
        ? `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Test</title><link rel="icon" href="data:,"></head><body>${body}</body></html>`
        : body;
      answers.set(path, whole === undefined ? given : { ...given, body: whole });
      return `${addressOf(own)}${path}`;
    },
    async close() {
      for (const server of [own, cdn]) {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }
    },
  };
  return site;
}

/** `/models/vit/config.json` is `config.json` below `folders.models/vit`. */
function fileOf(path: string, folders: Readonly<Record<string, string>>): Answer | undefined {
  const [, name = '', ...rest] = path.split('/');
  const root = folders[name];
  if (root === undefined || rest.includes('..')) return undefined;
  const file = join(root, ...rest);
  return existsSync(file) && statSync(file).isFile() ? { body: readFileSync(file) } : undefined;
}

async function listen(server: Server): Promise<Server> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return server;
}

const addressOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
