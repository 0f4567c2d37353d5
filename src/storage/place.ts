/**
 * From a place as users write it to a volume and a path in it. A place is a local path, a `file:` URL, a
 * `/Volumes/…` path (the mounted folder where it exists) or a URL of a registered kind. Kinds are rows in a
 * table; nothing is guessed from substrings.
 */
import { files, localPath } from '#platform';
import { ConfigError } from '../core/index.ts';
import { openAzurePlace } from './azure/index.ts';
import { openDatabricks } from './databricks/index.ts';
import { isGatewayPlace, openGatewayPlace } from './gateway/index.ts';
import { withoutSecrets } from './http/index.ts';
import { openHttpsPlace } from './https/index.ts';
import { openHub } from './hub/index.ts';
import type { Place, VolumeKind } from './kind.ts';
import { LocalVolume } from './local.ts';
import { openS3Place } from './s3/index.ts';
import { openUnityPlace } from './unity/index.ts';

const throughGateway: VolumeKind = {
  name: 'gateway:',
  matches: async (place) => isGatewayPlace(place) && (!place.startsWith('/') || isUnmountedVolume(place)),
  open: openGatewayPlace,
};

const kinds: VolumeKind[] = [
  {
    name: 'hub:',
    matches: (place) => place.startsWith('hub:'),
    open: async (place) => ({ volume: await openHub(place.slice('hub:'.length)), path: '' }),
  },
  // Before those that need keys, which it has.
  throughGateway,
  { name: '/Volumes', matches: isUnmountedVolume, open: openDatabricks },
  {
    name: 'abfss:',
    matches: (place) => /^abfss?:/i.test(place),
    open: async (place) => openAzurePlace(place),
  },
  {
    name: 'https:',
    matches: (place) => /^https?:/i.test(place),
    open: async (place) => openHttpsPlace(place),
  },
  { name: 's3:', matches: (place) => /^s3:/i.test(place), open: async (place) => openS3Place(place) },
  { name: 'uc:', matches: (place) => /^uc:/i.test(place), open: (place) => openUnityPlace(place) },
];

/** Adds a kind of place, which then wins over those that were registered before. Returns how to take it away. */
export function registerVolume(kind: VolumeKind): () => void {
  kinds.unshift(kind);
  return () => {
    const position = kinds.indexOf(kind);
    if (position >= 0) kinds.splice(position, 1);
  };
}

/** Whether a place is on this machine: written as a path or a `file:` URL. */
export function isLocalPlace(place: string): boolean {
  return place.startsWith('file:') || schemeOf(place) === undefined;
}

export interface OpenOptions {
  readonly as?: 'folder' | undefined;
  /** `own`: with the keys of this process, whatever `OCELLI_GATEWAY` says; gateways open places so. */
  readonly keys?: 'own' | undefined;
}

/**
 * Opens a place. An existing folder becomes a volume of its own (path ''); anything else is a file in the
 * volume of its folder, unless `as: 'folder'` says that a folder is meant that may not exist yet.
 */
export async function openPlace(place: string, options: OpenOptions = {}): Promise<Place> {
  for (const kind of kinds) {
    if (options.keys === 'own' && kind === throughGateway) continue;
    if (await kind.matches(place)) return kind.open(place);
  }
  const scheme = schemeOf(place);
  if (place.trim() === '') throw unknownPlace(place, 'an empty text');
  if (scheme !== undefined && scheme !== 'file') throw unsupported(`${scheme}:`, place);
  const local = withoutEnd(localPath(place));
  const found = await files.stat(local);
  if (found?.isDirectory || options.as === 'folder') return { volume: new LocalVolume(local), path: '' };
  const cut = local.lastIndexOf('/');
  const folder = cut < 0 ? '.' : cut === 0 ? '/' : local.slice(0, cut);
  return { volume: new LocalVolume(folder), path: local.slice(cut + 1) };
}

/**
 * The folder on this machine that a place is, whether it exists or not; undefined when it is far away. Volumes of
 * Unity Catalog may be either.
 */
export async function localFolder(place: string): Promise<string | undefined> {
  const { volume, path } = await openPlace(place, { as: 'folder' });
  if (!(volume instanceof LocalVolume)) return undefined;
  return path === '' ? volume.location : `${volume.location}/${path}`;
}

/** On Databricks compute volumes are folders; elsewhere the workspace is asked for them. */
async function isUnmountedVolume(place: string): Promise<boolean> {
  return place.startsWith('/Volumes/') && !(await files.stat(place.split('/').slice(0, 5).join('/')));
}

/** The scheme of a URL in lower case; a single letter is a drive, not a scheme. */
function schemeOf(place: string): string | undefined {
  return /^([A-Za-z][A-Za-z0-9+.-]+):/.exec(place)?.[1]?.toLowerCase();
}

function withoutEnd(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') || '/' : path;
}

function unsupported(kind: string, place: string): ConfigError {
  const known = ['local paths', 'file:', ...kinds.map((entry) => entry.name)];
  return new ConfigError({
    code: 'place_unsupported',
    expected: `a place of a kind that this version can open (${known.join(', ')})`,
    received: `${withoutSecrets(place)}: ${kind} is not supported yet`,
    fix: 'copy the data to a local folder, or mount it, and name that folder',
  });
}

function unknownPlace(place: string, received: string): ConfigError {
  return new ConfigError({
    code: 'place_empty',
    expected: 'a place: a local path, file:, or /Volumes/…',
    received: place.trim() === '' ? received : place,
    fix: 'write the path of the file or folder',
  });
}
