/**
 * What pages load, in kB after gzip (level 9), of the builds that ship: the widget's two scripts and what they fetch when
 * there is work, the app's page (its HTML, styles and the scripts that come with it) and its workers. WebAssembly files of
 * the runtimes are not counted: they are the same for everyone who uses those.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import type { BenchCase } from './case.ts';

/** kB of the widget's script and its worker together, before any runtime. */
const budget = 60;

export const bundle: BenchCase = {
  name: 'bundle',

  async run(report) {
    const folder = mkdtempSync(join(tmpdir(), 'ocelli-bundle-'));
    try {
      const widget = await built('widget', join(folder, 'widget'));
      const worker = widget.named('widget.worker');
      const before = widget.size('ocelli-widget.js') + worker;
      const goal = `at most ${budget} kB with its worker, before the runtime: ${before.toFixed(1)}, ${before <= budget ? 'reached' : 'missed'}`;
      report.of('bundle/widget').ours('gzip_kb', widget.size('ocelli-widget.js'), 'kB', [goal]);
      report.of('bundle/widget-classic').ours('gzip_kb', widget.size('ocelli-widget.classic.js'), 'kB');
      report.of('bundle/widget-worker').ours('gzip_kb', worker, 'kB');
      report.of('bundle/widget-onnxruntime').ours('gzip_kb', widget.named('ort.jspi'), 'kB');
      report.of('bundle/widget-transformers.js').ours('gzip_kb', widget.named('pipeline-model'), 'kB');
      const app = await built('browser', join(folder, 'app'));
      report.of('bundle/app-page').ours('gzip_kb', pageSize(app), 'kB');
      for (const name of ['training', 'samples', 'annotations']) {
        report.of(`bundle/app-${name}-worker`).ours('gzip_kb', app.named(`${name}.worker`), 'kB');
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

interface Built {
  read(path: string): string;
  /** kB of a file. */
  size(path: string): number;
  /** kB of the script in `assets/` whose name begins so. */
  named(beginning: string): number;
}

async function built(mode: string, outDir: string): Promise<Built> {
  const before = process.env.NODE_ENV;
  process.env.NODE_ENV = 'production';
  try {
    const configFile = resolve('vite.config.ts');
    await build({
      configFile,
      mode,
      logLevel: 'error',
      build: { outDir, emptyOutDir: true, sourcemap: false },
    });
  } finally {
    process.env.NODE_ENV = before;
  }
  const size = (path: string): number =>
    gzipSync(readFileSync(join(outDir, path)), { level: 9 }).length / 1000;
  return {
    read: (path) => readFileSync(join(outDir, path), 'utf8'),
    size,
    named(beginning) {
      const file = readdirSync(join(outDir, 'assets')).find(
        (name) => name.startsWith(beginning) && name.endsWith('.js'),
      );
      if (!file) throw new Error(`the build has no script ${beginning}…`);
      return size(`assets/${file}`);
    },
  };
}

/** The page with everything that its HTML names, and what those scripts import at once. */
function pageSize(app: Built): number {
  const seen = new Set<string>(['index.html']);
  const scan = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    if (!path.endsWith('.js')) return;
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    for (const [, name] of app.read(path).matchAll(/(?:from|import)\s*["'`]\.\/([\w.-]+\.js)["'`]/g))
      scan(folder + name!);
  };
  for (const [, path] of app.read('index.html').matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.(?:js|css))"/g))
    scan(path!);
  return [...seen].reduce((sum, path) => sum + app.size(path), 0);
}
