/**
 * The built page. Its files are looked up in a list that is made when the gateway starts, so a path can name nothing
 * else, whatever it is made of.
 *
 * The page of the npm package comes without onnxruntime's WebAssembly (58 MB), which npm has installed beside it: those
 * files are taken from there, under the addresses that vite.config.ts gives them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join, sep } from 'node:path';
import { Hono } from 'hono';
import { ConfigError } from '../core/index.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.yaml': 'text/yaml; charset=utf-8',
};

export async function pageRoutes(folder: string): Promise<Hono> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = onnxruntimeFiles();
  for (const entry of names) {
    if (!entry.isFile() || entry.name.endsWith('.map')) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(folder.length).split(sep).join('/').replace(/^\/*/, '/'), path);
  }
  const index = files.get('/index.html');
  if (index === undefined) throw notBuilt(folder);
  files.set('/', index);
  const routes = new Hono();
  routes.get('*', (context) => {
    const path = files.get(decoded(new URL(context.req.url).pathname));
    if (path === undefined) return context.text('There is no such file.', 404);
    context.header('Content-Type', types[extname(path)] ?? 'application/octet-stream');
    // Names under /assets carry a hash of what they hold, or a version.
    const kept = new URL(context.req.url).pathname.startsWith('/assets/')
      ? 'public, max-age=31536000, immutable'
      : 'no-cache';
    context.header('Cache-Control', kept);
    if (path.endsWith('.html')) return context.body(withMark(readFileSync(path, 'utf8')));
    return context.body(readFileSync(path));
  });
  return routes;
}

/** Says to the page where its gateway is: pages of other hosts then need not ask theirs whether it is one. */
function withMark(html: string): string {
  return html.replace(/<head[^>]*>/i, (head) => `${head}<meta name="ocelli-gateway" content=".">`);
}

/** The files of the installed onnxruntime-web; a build of the page that has its own wins. */
function onnxruntimeFiles(): Map<string, string> {
  const { resolve } = createRequire(import.meta.url);
  let folder: string;
  try {
    folder = dirname(resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'));
  } catch {
    // Not installed (`npm install --omit`): the page trains without it.
    return new Map();
  }
  const { version } = JSON.parse(readFileSync(join(folder, '../package.json'), 'utf8')) as {
    version: string;
  };
  const names = readdirSync(folder).filter((name) => /^ort-wasm-.*\.wasm$/.test(name));
  return new Map(names.map((name) => [`/assets/onnxruntime-web-${version}/${name}`, join(folder, name)]));
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function notBuilt(folder: string): ConfigError {
  return new ConfigError({
    code: 'page_not_built',
    expected: `the built page in ${folder}`,
    received: 'no index.html there',
    fix: 'run `npm run build:app`, or start the gateway with --no-page',
  });
}
