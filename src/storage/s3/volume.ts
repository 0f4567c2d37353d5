/**
 * A bucket of an S3-compatible store, or a folder in one. Everything goes by signed URLs (signer.ts), reads by those
 * that `ObjectStoreVolume` keeps.
 */
import type { OcelliError } from '../../core/index.ts';
import { ServerClock } from '../clock.ts';
import type { Renewable } from '../grant.ts';
import {
  type HttpAnswer,
  type ObjectAddress,
  objectFailure,
  type Refusal,
  refusalOf,
} from '../http/index.ts';
import {
  type ListPage,
  type ObjectStoreOptions,
  ObjectStoreVolume,
  type PageRequest,
} from '../object-store.ts';
import { partSizeFor, singleWriteLimit, writeParts } from '../parts.ts';
import type { SignedUrl, WriteOptions } from '../volume.ts';
import { type S3Access, type S3Endpoint, type SignRequest, signS3 } from './signer.ts';
import { completeUpload, readListPage, readUploadId } from './xml.ts';

export interface S3VolumeOptions extends ObjectStoreOptions {
  readonly bucket: string;
  readonly at: S3Endpoint;
  readonly access: Renewable<S3Access>;
  /** For writes, where reading has keys of its own. */
  readonly writeAccess?: Renewable<S3Access>;
  /** Seconds that a URL lives (3600). */
  readonly expiresIn?: number;
  readonly clock?: ServerClock;
  /** Bytes from which a file goes in parts, and how large they are. */
  readonly parts?: { readonly from: number; readonly size: number };
  /** What a failure means where the volume is another one for its user; by default `objectFailure`. */
  readonly failure?: (refusal: Refusal, label: string) => OcelliError;
}

type Operation = 'read' | 'write';

interface Call extends Omit<SignRequest, 'bucket' | 'expiresIn' | 'now'> {
  readonly operation: Operation;
  readonly label: string;
  readonly body?: Uint8Array | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

export class S3Volume extends ObjectStoreVolume {
  private readonly clock: ServerClock;
  /** Which keys a URL was signed with, for as long as somebody has it. */
  private readonly signedWith = new Map<string, S3Access>();

  constructor(private readonly options: S3VolumeOptions) {
    const clock = options.clock ?? new ServerClock();
    super(options, () => clock.now());
    this.clock = clock;
  }

  async write(path: string, content: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    const from = this.options.parts?.from ?? singleWriteLimit;
    const { key, label } = this.named(path);
    const headers = { 'Content-Type': options.contentType ?? 'application/octet-stream' };
    const call = { operation: 'write', key, label, headers, signal: options.signal } as const;
    if (bytes.byteLength > from) await this.writeInParts(call, bytes);
    else await this.call({ ...call, method: 'PUT', body: bytes });
  }

  async remove(path: string): Promise<void> {
    await this.call({ method: 'DELETE', operation: 'write', ...this.named(path) });
  }

  protected override async page({
    prefix,
    size = 1000,
    from,
    label,
    signal,
  }: PageRequest): Promise<ListPage> {
    const query = {
      'list-type': '2',
      'max-keys': String(size),
      'encoding-type': 'url',
      ...(prefix ? { prefix } : {}),
      ...(from ? { 'continuation-token': from } : {}),
    };
    const answer = await this.call({ method: 'GET', operation: 'read', key: '', label, query, signal });
    return readListPage(answer.body, label);
  }

  protected override async signRead(key: string): Promise<SignedUrl> {
    const { access, expires = Number.POSITIVE_INFINITY } = await this.accessFor('read').get();
    const life = this.options.expiresIn ?? 3600;
    const now = this.clock.now();
    const url = await this.signed(access, { method: 'GET', key }, life);
    if (this.signedWith.size > 20_000) this.signedWith.clear();
    this.signedWith.set(url, access);
    // A URL ends with the session that signed it.
    return { url, headers: {}, expires: Math.min(now + 1000 * life, expires) };
  }

  protected override renewRead({ url }: ObjectAddress, refusal: Refusal): boolean {
    return this.renew('read', this.signedWith.get(url), refusal);
  }

  private async writeInParts(
    call: Omit<Call, 'method' | 'body' | 'query'>,
    bytes: Uint8Array,
  ): Promise<void> {
    const size = this.options.parts?.size ?? partSizeFor(bytes.byteLength);
    call.signal?.throwIfAborted();
    // Not broken off: an upload whose id nobody heard could not be aborted.
    const begun = await this.call({ ...call, signal: undefined, method: 'POST', query: { uploads: '' } });
    const uploadId = readUploadId(begun.body, call.label);
    try {
      const etags = await writeParts(
        bytes,
        size,
        async (body, index, signal) => {
          const query = { partNumber: String(index + 1), uploadId };
          const answer = await this.call({ ...call, headers: {}, method: 'PUT', query, body, signal });
          return answer.headers.get('etag') ?? '';
        },
        call.signal,
      );
      const body = completeUpload(etags);
      const done = await this.call({ ...call, headers: {}, method: 'POST', query: { uploadId }, body });
      // S3 begins to answer before it knows: an error may come with status 200.
      if (/<Error>/.test(new TextDecoder().decode(done.body))) {
        throw this.failure(refusalOf({ ...done, status: 400 }), call.label);
      }
    } catch (error) {
      // Parts that nobody completes are paid for. The first error is the one that counts.
      const { signal: _, ...abort } = call;
      await this.call({ ...abort, headers: {}, method: 'DELETE', query: { uploadId } }).catch(() => {});
      throw error;
    }
  }

  /** One request, signed; again with other keys or by the server's clock where that helps. */
  private async call(call: Call): Promise<HttpAnswer> {
    for (let tries = 0; ; tries++) {
      const { access } = await this.accessFor(call.operation).get();
      const url = await this.signed(access, call, 900);
      const answer = await this.http.send({
        url,
        method: call.method,
        headers: call.headers ?? {},
        label: call.label,
        signal: call.signal,
        ...(call.body === undefined ? {} : { body: call.body }),
      });
      if (answer.status < 300) return answer;
      const refusal = refusalOf(answer);
      if (call.method === 'DELETE' && refusal.kind === 'missing') return answer;
      if (tries < 2 && this.renew(call.operation, access, refusal)) continue;
      throw this.failure(refusal, call.label);
    }
  }

  private signed(
    access: S3Access,
    call: Pick<SignRequest, 'method' | 'key' | 'query'>,
    expiresIn: number,
  ): Promise<string> {
    const { method, key, query = {} } = call;
    const { at, bucket } = this.options;
    return signS3(access, at, { method, key, query, bucket, expiresIn, now: this.clock.now() });
  }

  private accessFor(operation: Operation): Renewable<S3Access> {
    return (operation === 'write' ? this.options.writeAccess : undefined) ?? this.options.access;
  }

  /** Whether another try may go better than one that was refused so. */
  private renew(operation: Operation, access: S3Access | undefined, refusal: Refusal): boolean {
    const { kind, serverTime } = refusal;
    if (kind !== 'expired' && kind !== 'skew' && kind !== 'denied') return false;
    // A clock that is behind signs what is over already: the server says "expired".
    if (kind !== 'denied' && this.clock.learn(serverTime)) {
      this.urls.clear();
      return true;
    }
    if (kind === 'skew') return false;
    const renewed = this.accessFor(operation).refused((current) => current === access, kind === 'expired');
    // An expired URL of keys that still hold is only signed again.
    return renewed || kind === 'expired';
  }

  private failure(refusal: Refusal, label: string): OcelliError {
    return this.options.failure?.(refusal, label) ?? objectFailure(refusal, { label });
  }
}
