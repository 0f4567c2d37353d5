/** A folder at a place, wherever the place is: its files by relative path. */
import { files } from '#platform';
import { DataError } from '../../core/index.ts';
import {
  type ByteSource,
  type ContentCache,
  cachedVolume,
  type Entry,
  LocalVolume,
  openPlace,
  type Volume,
} from '../../storage/index.ts';

export interface Folder {
  /** As the user wrote it, without a slash at the end. */
  readonly place: string;
  open(path: string): ByteSource;
  /** Everything below, by path relative to the folder, ascending. */
  list(signal?: AbortSignal): AsyncIterable<Entry>;
}

/** How far places are read. */
export interface Reading {
  /** Keeps what is fetched; left out: nothing is kept. */
  readonly cache?: ContentCache | undefined;
  /** Told what doesn't work as it should, and doesn't matter for the result. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** Throws a DataError when a local folder is missing. */
export async function openFolder(place: string, reading: Reading = {}): Promise<Folder> {
  const { volume: opened, path } = await openPlace(place);
  const local = opened instanceof LocalVolume && path !== '' ? `${opened.location}/${path}` : undefined;
  if (local !== undefined && !(await files.stat(local))?.isDirectory) {
    // Listing tells what is missing, with the nearest folder that exists.
    await files.list(local);
    throw new DataError({
      code: 'not_a_folder',
      expected: `a folder with images at ${place}`,
      received: 'a file',
      fix: 'name the folder of the images; annotations go to data.train_annotation_file and its like',
    });
  }
  const prefix = path === '' || path.endsWith('/') ? path : `${path}/`;
  const volume = kept(opened, prefix, reading);
  return {
    place: place.replace(/(.)\/+$/, '$1'),
    open: (relative) => volume.open(prefix + relative),
    async *list(signal) {
      for await (const entry of volume.list(prefix, signal)) {
        yield { ...entry, path: entry.path.slice(prefix.length) };
      }
    },
  };
}

/** One file at a place of its own. */
export async function openPlaceFile(place: string, reading: Reading = {}): Promise<ByteSource> {
  const { volume, path } = await openPlace(place);
  return kept(volume, path, reading).open(path);
}

/** What is on this machine, or drawn, needs no cache: threads read it by themselves. */
function kept(volume: Volume, prefix: string, { cache, onWarning }: Reading): Volume {
  const isNear = volume.open(prefix).elsewhere !== undefined;
  return cache && !isNear ? cachedVolume(volume, prefix, cache, onWarning) : volume;
}

/** The bytes of one file at a place of its own. */
export async function readPlace(
  place: string,
  signal?: AbortSignal,
  reading: Reading = {},
): Promise<Uint8Array> {
  return (await openPlaceFile(place, reading)).read(undefined, signal);
}

/** Whether a file can be opened there. */
export async function placeExists(place: string): Promise<boolean> {
  const { volume, path } = await openPlace(place);
  if (volume instanceof LocalVolume)
    return (await files.stat(`${volume.location}/${path}`))?.isDirectory === false;
  return volume
    .open(path)
    .size()
    .then(
      () => true,
      (error: unknown) => {
        // Only what is not there is not there: a missing right or a dead server is told.
        if (error instanceof DataError) return false;
        throw error;
      },
    );
}

export function parentPlace(place: string): string {
  const cut = place.lastIndexOf('/');
  return cut < 0 ? '.' : cut === 0 ? '/' : place.slice(0, cut);
}

export function nameOf(place: string): string {
  return place.slice(place.lastIndexOf('/') + 1);
}

/** Pictures by the ending of their names. */
export function isPicture(path: string): boolean {
  return /\.(jpe?g|png|webp|gif|tiff?|bmp|avif)$/i.test(path);
}
