/**
 * Assembles WebAssembly text: `node scripts/build-wasm.mjs src/vision/kernels/resize.wat` writes
 * `resize.wasm.ts` beside it, a module that carries the bytes as base64, so that they travel in any bundle
 * without a file of their own. Run it after editing a `.wat`; a test holds the two together.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import openWabt from 'wabt';

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error(
    'Expected .wat files. Received: none. Fix: node scripts/build-wasm.mjs src/vision/kernels/resize.wat',
  );
  process.exit(2);
}
const wabt = await openWabt();
for (const file of files) {
  const module = wabt.parseWat(file, readFileSync(file, 'utf8'), { simd: true });
  module.validate();
  const bytes = module.toBinary({}).buffer;
  module.destroy();
  const target = file.replace(/\.wat$/, '.wasm.ts');
  writeFileSync(
    target,
    [
      `/** ${basename(file)}, assembled by scripts/build-wasm.mjs: WebAssembly as base64. */`,
      'export const wasmBase64 =',
      `  '${Buffer.from(bytes).toString('base64')}';`,
      '',
    ].join('\n'),
  );
  console.log(`${target}: ${bytes.length} bytes`);
}
