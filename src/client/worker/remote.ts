/** What leaves the browser, and what lies elsewhere: runs to MLflow, files to volumes, looks into volumes. */
import { environmentVariable, files } from '#platform';
import { openPlace } from '../../storage/index.ts';
import { push } from '../../tracking/index.ts';
import type { PlaceListing, PushedRun, SavedFiles } from '../protocol.ts';
import { listBelow } from './folders.ts';

/** A gateway's MLflow wins over the recipe's: the page reaches no other. */
export async function pushRun(run: string): Promise<PushedRun> {
  const trackingUri = environmentVariable('MLFLOW_TRACKING_URI');
  const { url, runId, experimentId, registeredVersion } = await push(run, {
    ...(trackingUri === undefined ? {} : { trackingUri }),
  });
  return { url, runId, experimentId, ...(registeredVersion === undefined ? {} : { registeredVersion }) };
}

/** Copies a folder of the browser's disk to a place; what is there under the same names is replaced. */
export async function saveFolder(folder: string, place: string): Promise<SavedFiles> {
  const root = folder.replace(/\/+$/, '');
  const { volume, path: into } = await openPlace(place, { as: 'folder' });
  let bytes = 0;
  const listing = await listBelow(root);
  for (const { path } of listing) {
    const content = await files.read(path);
    await volume.write([into, path.slice(root.length + 1)].filter(Boolean).join('/'), content);
    bytes += content.byteLength;
  }
  return { files: listing.length, bytes };
}

/** The first files below a place. */
export async function listPlace(place: string, limit = 1000): Promise<PlaceListing> {
  const { volume, path } = await openPlace(place);
  const prefix = path === '' ? '' : `${path}/`;
  const entries: { path: string; size: number }[] = [];
  for await (const entry of volume.list(prefix)) {
    if (entries.length >= limit) return { entries, more: true };
    entries.push({ path: entry.path.slice(prefix.length), size: entry.size });
  }
  return { entries, more: false };
}
