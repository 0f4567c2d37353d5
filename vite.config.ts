/**
 * The one build file. `vite build` makes the Node side: the library (`dist/index.js`), the command line
 * (`dist/cli.js`) and the worker threads (`dist/workers/*.js`). Packages from npm stay external: Node loads
 * TensorFlow.js as CommonJS once, and native parts (Dawn, sharp, onnxruntime) can't be bundled anyway.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  build: {
    ssr: true,
    outDir: 'dist',
    target: 'node20',
    sourcemap: true,
    rollupOptions: {
      input: {
        index: 'src/index.ts',
        cli: 'src/cli/main.ts',
        'workers/samples.worker': 'workers/samples.worker.ts',
      },
      output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
    },
  },
  test: {
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
    testTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
