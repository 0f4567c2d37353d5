/** The installed package: its version and its folder with the recipes that ship. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface PackageInfo {
  readonly folder: string;
  readonly version: string;
}

let found: PackageInfo | undefined;

/** The nearest folder above this file with our package.json: the same for a build, a chunk of it and a checkout. */
export function packageInfo(): PackageInfo {
  if (found) return found;
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) {
      const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
      if (name === 'ocelli') {
        found = { folder, version: version ?? 'unknown' };
        return found;
      }
    }
    const parent = dirname(folder);
    if (parent === folder) throw new Error('the package.json of ocelli is missing above its own code');
    folder = parent;
  }
}
