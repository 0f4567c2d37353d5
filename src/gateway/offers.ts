/**
 * The volumes that a gateway offers, by the very text of their places: a request names one of them and a path in
 * it, and nothing of what it says is ever taken for a place. Where users bring their own tokens, each has volumes of
 * its own, so that one user's rights and signed URLs never serve another.
 */
import { createHash } from 'node:crypto';
import { files } from '#platform';
import { ConfigError } from '../core/index.ts';
import {
  cleanPath,
  DatabricksVolume,
  forwardedAccess,
  joinPath,
  LocalVolume,
  openHttpsPlace,
  openPlace,
  sharedHttp,
  splitVolumePlace,
  type Volume,
} from '../storage/index.ts';
import type { OfferedVolume } from './options.ts';
import { Refusal } from './refusals.ts';

/** A volume, and the folder in it that is offered. */
interface Opened {
  readonly volume: Volume;
  readonly path: string;
}

export interface Offer extends Opened {
  readonly place: string;
  readonly write: boolean;
  /** The path in the volume of a path in the offered folder. */
  inside(path: string): string;
}

/** Users whose volumes are kept open. */
const users = 200;

export class Offers {
  private readonly offered: ReadonlyMap<string, OfferedVolume>;
  private readonly opened = new Map<string, Promise<Opened>>();

  constructor(
    offered: readonly OfferedVolume[],
    private readonly userTokensFor: string | undefined,
  ) {
    const byPlace = new Map<string, OfferedVolume>();
    for (const volume of offered) {
      const place = volume.place.replace(/(.)\/+$/, '$1');
      if (userTokensFor !== undefined && !place.startsWith('/Volumes/')) throw notAUsers(place);
      byPlace.set(place, { place, write: volume.write || (byPlace.get(place)?.write ?? false) });
    }
    this.offered = byPlace;
  }

  get list(): readonly OfferedVolume[] {
    return [...this.offered.values()];
  }

  /** Opens all that need no user, so that wrong places and keys are told at the start. */
  async openAll(): Promise<void> {
    if (this.userTokensFor !== undefined) return;
    for (const { place, write } of this.list) {
      const { volume } = await this.open(place, undefined);
      if (volume instanceof LocalVolume) await requireFolder(place, volume.location, write);
    }
  }

  async find(place: unknown, userToken: string | undefined): Promise<Offer> {
    const offered = typeof place === 'string' ? this.offered.get(place) : undefined;
    if (!offered) {
      throw new Refusal(403, {
        code: 'volume_not_offered',
        expected: 'a volume that the gateway offers',
        received: 'another one',
        fix: 'start the gateway with --volume <place>; /gw/info lists what it offers',
      });
    }
    const { volume, path } = await this.open(offered.place, userToken);
    return {
      ...offered,
      volume,
      path,
      inside: (below) => joinPath(path, cleanPath(below, offered.place)),
    };
  }

  private open(place: string, userToken: string | undefined): Promise<Opened> {
    if (this.userTokensFor !== undefined && !userToken) {
      throw new Refusal(401, {
        code: 'user_token_missing',
        expected: 'the token of the user (X-Forwarded-Access-Token)',
        received: 'none',
        fix: 'open the page as a Databricks App that has user authorization, or start the gateway without --user-tokens',
      });
    }
    const user = this.userTokensFor === undefined ? '' : fingerprint(userToken!);
    const key = `${user}\n${place}`;
    const known = this.opened.get(key);
    this.opened.delete(key);
    const opened = known ?? this.openAs(place, userToken);
    this.opened.set(key, opened);
    if (!known) opened.catch(() => this.opened.delete(key));
    if (this.opened.size > users * this.offered.size) {
      this.opened.delete(this.opened.keys().next().value!);
    }
    return opened;
  }

  private async openAs(place: string, userToken: string | undefined): Promise<Opened> {
    // A web server may send its readers on, but not this one: it stands where others can't look.
    if (/^https?:/i.test(place)) return openHttpsPlace(`${place}/`, sharedHttp(), 'same-host');
    if (this.userTokensFor === undefined) return openPlace(place, { as: 'folder', keys: 'own' });
    const { location, path } = splitVolumePlace(place);
    return { volume: new DatabricksVolume(location, forwardedAccess(this.userTokensFor, userToken!)), path };
  }
}

/** One to write to is made with its first file. */
async function requireFolder(place: string, location: string, write: boolean): Promise<void> {
  const found = await files.stat(location);
  if (found ? found.isDirectory : write) return;
  throw new ConfigError({
    code: 'volume_missing',
    expected: 'folders to offer',
    received: `${place}, ${found ? 'which is a file' : 'where nothing is'}`,
    fix: 'correct --volume: it names a folder of this machine, or a place far away (s3://…, /Volumes/…)',
  });
}

/** Tells users apart without keeping their tokens as keys. */
function fingerprint(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

function notAUsers(place: string): ConfigError {
  return new ConfigError({
    code: 'volume_without_user',
    expected: 'volumes of the workspace (/Volumes/…) where users bring their own tokens',
    received: place,
    fix: 'offer other places by a gateway without --user-tokens: they are opened with its own keys, for everybody',
  });
}
