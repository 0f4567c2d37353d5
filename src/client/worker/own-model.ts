/**
 * The model that a run began with, for one that goes on where that model is not: a folder of another machine, or one that
 * was picked in another browser. Its weights are not needed, because the checkpoint's take their place; what is needed is
 * its shape, and the checkpoint has that as well (`config.json`). So the checkpoint stands at the model's path meanwhile.
 */
import { files, localPath } from '#platform';
import { parseRecipe } from '../../config/index.ts';
import { folderHandle, mount, unmount } from '../../platform/browser/index.ts';
import { CheckpointStore } from '../../training/index.ts';
import { isReadable } from './data-places.ts';

export interface StandIn {
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  release(): void;
}

const nothing: StandIn = { warnings: [], release: () => undefined };

/** What is open for the run must be mounted. */
export async function standInForModel(run: string): Promise<StandIn> {
  const path = `${run}/recipe.yaml`;
  if (!(await files.stat(path))) return nothing;
  const { recipe } = parseRecipe(new TextDecoder().decode(await files.read(path)), { source: path });
  const { model_name: name, pretrained, config } = recipe.model;
  const fresh = !pretrained && typeof config.model_type === 'string';
  if (fresh || !isPath(name) || (await isReadable(name))) return nothing;
  const checkpoint = await new CheckpointStore(files, `${run}/checkpoints`).latest();
  if (checkpoint === undefined || !(await files.stat(`${checkpoint}/config.json`))) return nothing;
  const at = localPath(name);
  await mount(at, { kind: 'folder', handle: await folderHandle(checkpoint) });
  const message = `the model that the run began with is not here (${name}): its checkpoint says what it is like`;
  return { warnings: [{ code: 'model_from_checkpoint', message }], release: () => unmount(at) };
}

/** Ids of the hub have one slash, and none at their start. */
const isPath = (name: string): boolean => /^(?:\/|\.\.?\/|file:|[A-Za-z]:\\)/.test(name);
