/**
 * `https://host/path/`. A slash at the end says folder; without it the last part is a file, or a folder, in the one
 * above. Queries, users and passwords are refused: a recipe is copied into every run folder.
 */
import { ConfigError } from '../../core/index.ts';
import { type Http, isPrivateHost, sharedHttp } from '../http/index.ts';
import type { Place } from '../kind.ts';
import { HttpsVolume } from './volume.ts';

export function openHttpsPlace(
  place: string,
  http: Http = sharedHttp(),
  redirects: 'any' | 'same-host' = 'any',
): Place {
  let url: URL;
  try {
    url = new URL(place);
  } catch {
    throw refused(place, 'an address that does not parse', 'write https://host/folder/');
  }
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    throw refused(
      place,
      'an address with a query, a fragment, a user or a password',
      'leave them out: a recipe is copied into every run folder. For signed access use s3://, abfss://, uc:// or /Volumes/…',
    );
  }
  if (url.protocol === 'http:' && !isPrivateHost(url.hostname)) {
    throw refused(place, 'http: on a public host, where anybody between can change the data', 'use https:');
  }
  const cut = url.pathname.lastIndexOf('/') + 1;
  let path: string;
  try {
    path = decodeURIComponent(url.pathname.slice(cut));
  } catch {
    throw refused(place, 'an address with a broken escape', 'write % as %25');
  }
  return { volume: new HttpsVolume(url.origin + url.pathname.slice(0, cut), http, redirects), path };
}

function refused(place: string, received: string, fix: string): ConfigError {
  return new ConfigError({
    code: 'place_invalid',
    expected: 'https://<host>/<folder>/',
    received: `${received}: ${place.replace(/\/\/[^/]*@/, '//…@').replace(/[?#].*$/s, '?…')}`,
    fix,
  });
}
