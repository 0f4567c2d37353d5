/**
 * The lock file names every optional package of every package in it, also those of other systems: npm writes only those that
 * it could see when it made the file, and `npm ci` (npm ≥ 11) then refuses the whole installation. Run on one system, so the
 * entries of all the others can only be checked here.
 */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface LockFile {
  packages: Record<string, { version?: string; optionalDependencies?: Record<string, string> }>;
}

it('locks the optional packages of every system', () => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as LockFile;
  const locked = new Set(
    Object.keys(packages).map((path) =>
      path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
    ),
  );
  const missing = Object.values(packages).flatMap((entry) =>
    Object.keys(entry.optionalDependencies ?? {}).filter((name) => !locked.has(name)),
  );
  expect(missing, 'add them to package-lock.json: version, optional, os, cpu').toEqual([]);
});
