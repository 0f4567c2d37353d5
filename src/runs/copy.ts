/**
 * `training.checkpoint_dir`: a place, often far away, that gets a copy of each checkpoint. A copy that fails is
 * told and does not end the run: the checkpoint itself is in the run folder. Where one fails the others are not begun:
 * on a volume that is full each would only lose the whole one that lies there.
 */
import { usablePlace } from '../config/index.ts';
import { openPlace } from '../storage/index.ts';
import type { CheckpointFiles } from '../training/index.ts';

export type CopyCheckpoint = (
  names: readonly string[],
  contents: CheckpointFiles,
) => Promise<readonly string[]>;

/** Undefined when the recipe names no place. */
export async function checkpointCopier(place: string | null): Promise<CopyCheckpoint | undefined> {
  if (place === null) return undefined;
  const { volume, path } = await openPlace(usablePlace(place, 'training.checkpoint_dir'));
  return async (names, contents) => {
    for (const [i, name] of names.entries()) {
      try {
        // A copy with its state.json is whole: the old one goes first, the new one (last of the files) comes last.
        await volume.remove([path, name, 'state.json'].filter(Boolean).join('/'));
        for (const [file, bytes] of contents) {
          await volume.write([path, name, file].filter(Boolean).join('/'), bytes);
        }
      } catch (error) {
        const reason = error instanceof Error ? error.message : error;
        return names.slice(i).map((left) => `${left} was not copied to ${place}: ${reason}`);
      }
    }
    return [];
  };
}
