/** Bytes behind signed URLs as a `ByteSource`: what volumes with signed URLs hand out. */
import type { ByteSource } from '../volume.ts';
import type { Http } from './client.ts';
import { type ObjectAddress, type ObjectRead, objectSize, readObject } from './object.ts';
import type { Refusal } from './refusal.ts';
import type { SignedUrls } from './signed-urls.ts';
import type { HttpRequest } from './types.ts';

export interface SignedSource {
  readonly http: Http;
  readonly urls: SignedUrls;
  /** Relative to the volume, clean. */
  readonly path: string;
  /** For messages: the place as the user would write it. */
  readonly label: string;
  readonly redirects?: HttpRequest['redirects'];
  /**
   * A server refused a URL, which has been forgotten: renew what the next one is signed with. False: another one
   * would not help either (left out: only `expired` ones are asked for anew).
   */
  renew?(refused: ObjectAddress, refusal: Refusal): boolean | Promise<boolean>;
}

/** Once it was read, all ranges are of the same version. */
export function signedSource(source: SignedSource): ByteSource {
  const { http, urls, path, label } = source;
  let etag: string | undefined;
  let size: number | undefined;
  const reading = (signal?: AbortSignal): ObjectRead => ({
    label,
    signal,
    etag,
    redirects: source.redirects ?? 'same-host',
    address: (limit) => urls.get(path, limit),
    async renew(address, refusal) {
      urls.forget(path, address);
      return source.renew ? source.renew(address, refusal) : refusal.kind === 'expired';
    },
  });
  return {
    path,
    async size(signal) {
      if (size === undefined) {
        const found = await objectSize(http, reading(signal));
        size = found.size!;
        etag = found.etag;
      }
      return size;
    },
    async read(range, signal) {
      const found = await readObject(http, { ...reading(signal), range });
      etag ??= found.etag;
      size ??= found.size;
      return found.bytes;
    },
  };
}
