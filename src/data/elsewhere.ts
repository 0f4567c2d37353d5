/** Opens bytes that another thread spoke of: files of local folders, and pictures that are drawn. */
import { type ByteSource, type Elsewhere, LocalVolume } from '../storage/index.ts';
import { isSamplePlace, parseSamplePlace, pictureSource } from './sample/place.ts';

/** A volume remembers which folders it has looked at. */
const volumes = new Map<string, LocalVolume>();

export function openElsewhere({ place, path }: Pick<Elsewhere, 'place' | 'path'>): ByteSource {
  if (isSamplePlace(place)) return pictureSource(path, parseSamplePlace(place));
  const volume = volumes.get(place) ?? new LocalVolume(place);
  volumes.set(place, volume);
  return volume.open(path);
}
