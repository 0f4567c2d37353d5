#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const built = new URL('../dist/cli.js', import.meta.url);
if (!existsSync(fileURLToPath(built))) {
  console.error('Expected the built command line at dist/cli.js. Received: none. Fix: run `npm run build`.');
  process.exit(1);
}
await import(built.href);
