/**
 * Runs a TypeScript entry of this repository: `node scripts/run.mjs <entry.ts> [arguments …]`.
 * It is built by Vite into `.cache/run/` first (a second or two), so that what runs is resolved exactly as in
 * the shipped build; worker threads are built beside it.
 */
import { readdirSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'vite';

const [entry, ...rest] = process.argv.slice(2);
if (!entry) {
  console.error('Expected an entry file. Received: none. Fix: node scripts/run.mjs tests/parity/main.ts …');
  process.exit(2);
}
const name = basename(entry, '.ts') === 'main' ? entry.split('/').at(-2) : basename(entry, '.ts');
const outDir = resolve('.cache/run', name);
const workers = readdirSync('workers').filter((file) => file.endsWith('.worker.ts'));
await build({
  configFile: false,
  logLevel: 'error',
  build: {
    ssr: true,
    outDir,
    emptyOutDir: false,
    target: 'node20',
    sourcemap: 'inline',
    rollupOptions: {
      input: {
        main: entry,
        ...Object.fromEntries(workers.map((file) => [`workers/${basename(file, '.ts')}`, `workers/${file}`])),
      },
      output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
    },
  },
});
process.argv = [process.argv[0], resolve(outDir, 'main.js'), ...rest];
await import(pathToFileURL(resolve(outDir, 'main.js')).href);
