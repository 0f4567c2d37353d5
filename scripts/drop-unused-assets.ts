/**
 * A step of the widget's build: files that no script of the result names are removed. Vite copies every file whose
 * address a module mentions, also of modules of which nothing is used in the end.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Plugin } from 'vite';

export function dropUnusedAssets(): Plugin {
  let folder = '';
  return {
    name: 'ocelli:drop-unused-assets',
    apply: 'build',
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    closeBundle() {
      const files = readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
      const scripts = files.filter((path) => path.endsWith('.js')).map((path) => readFileSync(path, 'utf8'));
      for (const path of files) {
        const isNamed = scripts.some((script) => script.includes(basename(path)));
        if (!/\.(js|map)$/.test(path) && !isNamed) rmSync(path);
      }
      for (const entry of readdirSync(join(folder, 'assets'), { withFileTypes: true })) {
        const path = join(folder, 'assets', entry.name);
        if (entry.isDirectory() && readdirSync(path).length === 0) rmSync(path, { recursive: true });
      }
    },
  };
}
