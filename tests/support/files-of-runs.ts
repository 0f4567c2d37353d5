/**
 * What tests share whose runs have their pictures or results elsewhere: the pictures of `tinyRecipe` as files, the files below
 * a folder as other places are filled with them, and the numbers in which a run there has to equal one from this disk.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunEvent } from '../../src/core/index.ts';

/** For `generateSampleDataset`: two epochs in batches of 8 are 4 steps. */
export const smallPictures = { size: 32, classes: 2, images: { train: 16, val: 8 } } as const;

/** Of each step, in the order in which they were told. */
export const lossesOf = (events: readonly RunEvent[]): number[] =>
  events.flatMap((event) => (event.type === 'step' ? [event.loss] : []));

/** Names are relative to the folder, in order. */
export async function filesBelow(folder: string): Promise<[name: string, bytes: Uint8Array][]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
  return Promise.all(
    names.map(
      async (name): Promise<[string, Uint8Array]> => [
        name,
        new Uint8Array(await readFile(join(folder, name))),
      ],
    ),
  );
}
