/**
 * The one build file; the mode says what is made.
 *
 * - `vite build` makes the Node side: the library (`dist/index.js`), the command line (`dist/cli.js`) and the
 *   worker threads (`dist/workers/*.js`). Packages from npm stay external: Node loads TensorFlow.js as CommonJS
 *   once, and native parts (Dawn, sharp, onnxruntime) can't be bundled anyway.
 * - `vite build --mode browser`, `vite` and `vite preview` are the browser's side: everything is bundled, and
 *   Vite resolves `#platform` to the browser's by the import condition of that name.
 */

import { configDefaults, defineConfig, type ViteUserConfig } from 'vitest/config';
import packageFile from './package.json' with { type: 'json' };
import { addressesOfPage, partOfWorker, scriptsOfRuntime, toldParts } from './scripts/embed-output.ts';
import { dropUnusedAssets, emptyParts } from './scripts/tidy-output.ts';

const node: ViteUserConfig = {
  // What lies in public/ belongs to the page.
  publicDir: false,
  // The page and the widget lie in the same folder, and stay.
  plugins: [emptyParts(/^(chunks|workers|(index|cli)\.js(\.map)?)$/)],
  build: {
    ssr: true,
    emptyOutDir: false,
    outDir: 'dist',
    target: 'node20',
    sourcemap: true,
    rollupOptions: {
      input: {
        index: 'src/index.ts',
        cli: 'src/cli/main.ts',
        'workers/annotations.worker': 'workers/annotations.worker.ts',
        'workers/samples.worker': 'workers/samples.worker.ts',
      },
      output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
    },
  },
  test: {
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
    // They have a configuration of their own: one browser at a time, on a page that is built before.
    exclude: [...configDefaults.exclude, 'tests/browser/**'],
    testTimeout: 60_000,
    // Hooks start servers, build threads and export models: ten seconds are few where others work on the same cores.
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
};

/** TensorFlow.js puts its files' own names behind a prefix, so these keep their names. */
const assetFileNames = ({ names }: { readonly names: readonly string[] }): string =>
  names.some((name) => name.startsWith('tfjs-backend-wasm'))
    ? 'assets/tfjs-4.22.0/[name][extname]'
    : 'assets/[name]-[hash][extname]';

/**
 * The page's files of onnxruntime (58 MB) keep their names as well, in a folder that names their version: the npm package
 * leaves them out, and the gateway takes them from the installed `onnxruntime-web` (src/gateway/page.ts).
 */
const onnxruntime = `assets/onnxruntime-web-${packageFile.dependencies['onnxruntime-web']}`;
const pageFileNames = (asset: { readonly names: readonly string[] }): string =>
  asset.names.some((name) => name.startsWith('ort-wasm-'))
    ? `${onnxruntime}/[name][extname]`
    : assetFileNames(asset);

const browser: ViteUserConfig = {
  // Relative: the page works from any folder of a static host.
  base: './',
  // `npm run dev`. Workers are started by their addresses, which a scan of the page does not follow: packages that are found later
  // make Vite reload the page, in the middle of a run. And what packages do in development alone (echarts) may ask for Node's
  // `global`, which a worker has not.
  optimizeDeps: {
    entries: ['index.html', 'workers/{training,samples,annotations}.worker.ts'],
    rolldownOptions: { transform: { define: { global: 'globalThis' } } },
  },
  build: {
    outDir: 'dist/app',
    target: 'es2022',
    sourcemap: true,
    // A worker and the WebAssembly files of TensorFlow.js and onnxruntime are large, and loaded when needed.
    chunkSizeWarningLimit: 4000,
    rollupOptions: { output: { assetFileNames: pageFileNames } },
  },
  worker: { format: 'es', rollupOptions: { output: { assetFileNames: pageFileNames } } },
};

/**
 * The widget for pages of other people: an ES module and a classic script, small, and beside them in `assets/` what they
 * load when there is work (the worker, onnxruntime, transformers.js). Rooms that are used in part do nothing when they are
 * loaded, so the rest of them can be left out.
 */
const treeshake = {
  moduleSideEffects: (id: string) => !/\/src\/(?!widget\/(main|package))|\/@zip\.js\//.test(id),
};

const widget: ViteUserConfig = {
  base: './',
  publicDir: false,
  plugins: [dropUnusedAssets()],
  build: {
    outDir: 'dist/widget',
    target: 'es2022',
    // These have light-dark(), which follows the page; put into older words it would follow the system alone.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: false,
    chunkSizeWarningLimit: 4000,
    rollupOptions: {
      input: 'src/widget/main.ts',
      preserveEntrySignatures: 'strict',
      treeshake,
      output: [
        { format: 'es', entryFileNames: 'ocelli-widget.js', assetFileNames },
        { format: 'iife', name: 'Ocelli', entryFileNames: 'ocelli-widget.classic.js', assetFileNames },
      ],
    },
  },
  worker: { format: 'es', rollupOptions: { treeshake, output: { assetFileNames } } },
};

/**
 * The widget for the npm package (`import 'ocelli/widget'`): a module, the worker and the pipelines, each in one file, because
 * the bundler of a page moves and renames them one by one.
 */
const embedded = (fileName: string, input: string, plugins: ViteUserConfig['plugins']): ViteUserConfig => ({
  base: './',
  publicDir: false,
  plugins: plugins ?? [],
  build: {
    outDir: 'dist/embed',
    emptyOutDir: false,
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    modulePreload: false,
    rollupOptions: {
      input,
      preserveEntrySignatures: 'strict',
      treeshake,
      output: { format: 'es', entryFileNames: fileName, codeSplitting: false },
    },
  },
});

/** The optional pair of scripts that isolates a page; fixed names, because a service worker serves what is below it. */
const isolation: ViteUserConfig = {
  publicDir: false,
  build: {
    outDir: 'dist/widget',
    emptyOutDir: false,
    target: 'es2022',
    modulePreload: false,
    rollupOptions: {
      input: {
        'ocelli-isolation': 'src/widget/isolation/page.ts',
        'ocelli-isolation-worker': 'workers/isolation.worker.ts',
      },
      // Classic scripts: what they declare is no business of the page.
      output: { entryFileNames: '[name].js', postBanner: '(() => {', postFooter: '})();' },
    },
  },
};

const modes: Readonly<Record<string, ViteUserConfig>> = {
  ...{ browser, widget, isolation },
  'embed-page': embedded('ocelli-widget.js', 'src/widget/package.ts', [
    addressesOfPage(),
    scriptsOfRuntime(),
    dropUnusedAssets(),
  ]),
  'embed-worker': embedded('widget.worker.js', 'workers/widget.worker.ts', [toldParts(), dropUnusedAssets()]),
  'embed-pipelines': embedded('pipelines.js', 'src/widget/worker/pipeline-model.ts', [partOfWorker()]),
};

export default defineConfig(
  ({ command, mode }) => modes[mode] ?? (command === 'serve' && mode !== 'test' ? browser : node),
);
