/** Steps of the builds (vite.config.ts) that tidy the folder which they write to. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Plugin } from 'vite';

/**
 * What an earlier build left in the output folder is removed, and nothing else. The page, the widget and the types are
 * built into folders beside it, in any order (`npm pack` runs `prepack` before `prepare`).
 *
 * @param parts names in the output folder that belong to this build
 */
export function emptyParts(parts: RegExp): Plugin {
  return tidying('empty-parts', 'before', (folder) => {
    const names = existsSync(folder) ? readdirSync(folder) : [];
    for (const name of names) if (parts.test(name)) rmSync(join(folder, name), { recursive: true });
  });
}

/**
 * Files that no script of the result names are removed. Vite copies every file whose address a module mentions, also of
 * modules of which nothing is used in the end.
 */
export function dropUnusedAssets(): Plugin {
  return tidying('drop-unused-assets', 'after', (folder) => {
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
  });
}

function tidying(name: string, when: 'before' | 'after', work: (folder: string) => void): Plugin {
  let folder = '';
  return {
    name: `ocelli:${name}`,
    apply: 'build',
    configResolved({ root, build }) {
      folder = resolve(root, build.outDir);
    },
    buildStart() {
      if (when === 'before') work(folder);
    },
    closeBundle() {
      if (when === 'after') work(folder);
    },
  };
}
