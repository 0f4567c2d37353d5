/**
 * Writes the types that the package ships: `dist/types/src/**.d.ts`, one beside each source that `src/index.ts` or the
 * widget reaches. The compiler leaves import paths as they stand in the sources, which means nothing outside this
 * repository for two of them, so they are made plain here: `./file.ts` becomes `./file.js` (which every TypeScript
 * resolves to `file.d.ts`), and `#platform` the path of Node's side.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const types = resolve(root, 'dist/types');
const compiler = resolve(root, 'node_modules/typescript/bin/tsc');

rmSync(types, { recursive: true, force: true });
execFileSync(process.execPath, [compiler, '-p', 'tsconfig.types.json', '--outDir', types], {
  cwd: root,
  stdio: 'inherit',
});

// They add to the types of frameworks, which this repository has not: the compiler passes over them.
cpSync(resolve(root, 'src/widget/frameworks'), resolve(types, 'src/widget/frameworks'), { recursive: true });

const specifier = /(\bfrom |\bimport\(|\bimport )(['"])(#platform|\.{1,2}\/[^'"]*)\2/g;
for (const name of readdirSync(types, { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.d.ts')) continue;
  const file = join(types, name);
  const text = readFileSync(file, 'utf8').replace(specifier, (_, before, quote, path) => {
    const target = path === '#platform' ? platformFrom(file) : path.replace(/\.ts$/, '.js');
    return `${before}${quote}${target}${quote}`;
  });
  writeFileSync(file, text);
}

function platformFrom(file) {
  const path = relative(dirname(file), join(types, 'src/platform/node/index.js')).replaceAll('\\', '/');
  return path.startsWith('.') ? path : `./${path}`;
}
