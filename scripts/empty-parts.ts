/**
 * A step of the Node build: what an earlier one left in the output folder is removed, and nothing else. The page, the
 * widget and the types are built into folders beside it, in any order (`npm pack` runs `prepack` before `prepare`).
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Plugin } from 'vite';

/** @param parts names in the output folder that belong to this build */
export function emptyParts(parts: RegExp): Plugin {
  let folder = '';
  return {
    name: 'ocelli:empty-parts',
    apply: 'build',
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    buildStart() {
      const names = existsSync(folder) ? readdirSync(folder) : [];
      for (const name of names) if (parts.test(name)) rmSync(join(folder, name), { recursive: true });
    },
  };
}
