/** The weights that a run hands out: those of its best checkpoint, averaged ones where the recipe has them. */

import type { VisionModel } from '../models/index.ts';
import { type CheckpointStore, restoreModel } from '../training/index.ts';

/** Puts a checkpoint's weights into the model; its averages take the place of the parameters that they are of. */
export async function useCheckpointWeights(
  model: VisionModel,
  checkpoints: CheckpointStore,
  path: string,
): Promise<void> {
  const { model: weights, average } = await checkpoints.load(path);
  restoreModel(model, new Map([...weights, ...(average ?? [])]));
}

/** `best`, or `last` in a run that evaluated nothing. */
export async function bestCheckpoint(checkpoints: CheckpointStore): Promise<string> {
  const best = checkpoints.path('best');
  if (await checkpoints.stateOf(best)) return best;
  const latest = await checkpoints.latest();
  if (latest === undefined) throw new Error(`${checkpoints.folder} has no checkpoint`);
  return latest;
}
