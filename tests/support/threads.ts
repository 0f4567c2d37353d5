/** Worker threads for tests that run from sources, where none are built: built here, and found until they are taken away. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'vite';
import { useWorkersFolder } from '#platform';

export interface BuiltThreads {
  /** From here on threads are found. */
  use(): void;
  dispose(): Promise<void>;
}

let count = 0;

/**
 * @param threads by name: the entry in `workers/` (`true`), or the text of a module in its place, whose imports are relative
 *   to the repository's root
 */
export async function buildThreads(threads: Readonly<Record<string, true | string>>): Promise<BuiltThreads> {
  const folder = resolve('.cache/test-workers', `${process.pid}-${count++}`);
  const input: Record<string, string> = {};
  await mkdir(folder, { recursive: true });
  for (const [name, entry] of Object.entries(threads)) {
    input[`${name}.worker`] = entry === true ? `workers/${name}.worker.ts` : join(folder, `${name}.ts`);
    if (entry !== true)
      await writeFile(join(folder, `${name}.ts`), entry.replaceAll("'./", `'${resolve('.')}/`));
  }
  const outDir = join(folder, 'built');
  await build({
    configFile: false,
    logLevel: 'error',
    build: { ssr: true, outDir, rollupOptions: { input } },
  });
  return {
    use: () => useWorkersFolder(pathToFileURL(`${outDir}/`).href),
    async dispose() {
      useWorkersFolder(undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
