/**
 * `npm run test:browser`: one Chromium at a time, on a page that is built once. Nothing is held to a time here: a test waits for what
 * it expects, and what never comes costs a failing test as long as these limits say, on a machine however slow or busy.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/browser/**/*.test.ts'],
    globalSetup: ['tests/browser/support/setup.ts'],
    fileParallelism: false,
    pool: 'forks',
    testTimeout: 900_000,
    hookTimeout: 600_000,
    teardownTimeout: 300_000,
    expect: { poll: { timeout: 180_000, interval: 50 } },
  },
});
