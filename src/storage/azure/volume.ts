/**
 * A container of Azure Blob Storage, or a folder in one, by a shared access signature (SAS): a query that gives
 * rights to whatever it is appended to. So every URL here is signed, and one SAS serves a whole volume until it
 * ends (`se=`).
 */
import { type OcelliError, RemoteError } from '../../core/index.ts';
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
import { escapePart, escapePath } from '../paths.ts';
import type { SignedUrl, WriteOptions } from '../volume.ts';
import { blockList, readListPage } from './xml.ts';

export interface AzureAccess {
  /** `sv=…&sig=…`, without the question mark. */
  readonly sas: string;
}

export interface AzureVolumeOptions extends ObjectStoreOptions {
  /** Of the account, without a slash at the end: `https://account.blob.core.windows.net`. */
  readonly endpoint: string;
  readonly container: string;
  readonly access: Renewable<AzureAccess>;
  /** For writes, where reading has a SAS of its own. */
  readonly writeAccess?: Renewable<AzureAccess>;
  /** Bytes from which a file goes in blocks, and how large they are. */
  readonly parts?: { readonly from: number; readonly size: number };
}

type Operation = 'read' | 'write';

interface Call {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly operation: Operation;
  /** Below the container; '' for the container. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly label: string;
  readonly signal?: AbortSignal | undefined;
}

/** The version of the protocol: the first with everything that is used here. */
const version = { 'x-ms-version': '2020-10-02' };

export class AzureVolume extends ObjectStoreVolume {
  constructor(private readonly options: AzureVolumeOptions) {
    super(options);
  }

  async write(path: string, content: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    const { key, label } = this.named(path);
    const call = { method: 'PUT', operation: 'write', key, label, signal: options.signal } as const;
    const contentType = options.contentType ?? 'application/octet-stream';
    if (bytes.byteLength <= (this.options.parts?.from ?? singleWriteLimit)) {
      const headers = { 'Content-Type': contentType, 'x-ms-blob-type': 'BlockBlob' };
      await this.call({ ...call, headers, body: bytes });
      return;
    }
    // Blocks that no list names are dropped by the store within a week: there is nothing to abort.
    const size = this.options.parts?.size ?? partSizeFor(bytes.byteLength);
    // Another writer's blocks of the same name must not be mistaken for these.
    const upload = crypto.randomUUID().slice(0, 8);
    const ids = await writeParts(
      bytes,
      size,
      async (body, index, signal) => {
        const blockid = btoa(`${upload}-${String(index).padStart(6, '0')}`);
        await this.call({ ...call, query: { comp: 'block', blockid }, body, signal });
        return blockid;
      },
      options.signal,
    );
    const headers = { 'x-ms-blob-content-type': contentType };
    await this.call({ ...call, headers, query: { comp: 'blocklist' }, body: blockList(ids) });
  }

  async remove(path: string): Promise<void> {
    await this.call({ method: 'DELETE', operation: 'write', ...this.named(path) });
  }

  protected override async page({
    prefix,
    size = 5000,
    from,
    label,
    signal,
  }: PageRequest): Promise<ListPage> {
    const query = {
      restype: 'container',
      comp: 'list',
      maxresults: String(size),
      ...(prefix ? { prefix } : {}),
      ...(from ? { marker: from } : {}),
    };
    const answer = await this.call({ method: 'GET', operation: 'read', key: '', label, query, signal });
    return readListPage(answer.body, label);
  }

  protected override async signRead(key: string): Promise<SignedUrl> {
    const { access, expires } = await this.accessFor('read').get();
    const end = Math.min(expires ?? Number.POSITIVE_INFINITY, sasEnd(access.sas));
    return { url: this.address(key, access), headers: {}, expires: end };
  }

  protected override renewRead({ url }: ObjectAddress, refusal: Refusal): boolean {
    return this.renew('read', sasOf(url), refusal);
  }

  private async call(call: Call): Promise<HttpAnswer> {
    for (let tries = 0; ; tries++) {
      const { access } = await this.accessFor(call.operation).get();
      const answer = await this.http.send({
        url: this.address(call.key, access, call.query),
        method: call.method,
        headers: { ...version, ...call.headers },
        label: call.label,
        signal: call.signal,
        ...(call.body === undefined ? {} : { body: call.body }),
      });
      if (answer.status < 300) return answer;
      const refusal = refusalOf(answer);
      if (call.method === 'DELETE' && refusal.kind === 'missing') return answer;
      if (tries < 2 && this.renew(call.operation, access.sas, refusal)) continue;
      throw this.failure(refusal, call.label);
    }
  }

  private address(key: string, { sas }: AzureAccess, query: Readonly<Record<string, string>> = {}): string {
    const { endpoint, container } = this.options;
    const parameters = Object.entries(query).map(([name, value]) => `${name}=${escapePart(value)}`);
    const place = [endpoint, escapePart(container), key === '' ? '' : escapePath(key)];
    return `${place.filter(Boolean).join('/')}?${[...parameters, sas].join('&')}`;
  }

  private accessFor(operation: Operation): Renewable<AzureAccess> {
    return (operation === 'write' ? this.options.writeAccess : undefined) ?? this.options.access;
  }

  private renew(operation: Operation, used: string, refusal: Refusal): boolean {
    if (!['expired', 'skew', 'denied'].includes(refusal.kind)) return false;
    const expired = refusal.kind === 'expired' || sasEnd(used) <= (refusal.serverTime ?? Date.now());
    return this.accessFor(operation).refused(({ sas }) => sas === used, expired);
  }

  private failure(refusal: Refusal, label: string): OcelliError {
    if (refusal.code === 'AuthorizationPermissionMismatch') {
      return new RemoteError({
        code: 'access_denied',
        expected: `the right to do this with ${label}`,
        received: `status ${refusal.status} ${refusal.code}`,
        fix: 'take a SAS with the rights read and list (sp=rl), for writing also add, create, write and delete (sp=racwdl)',
      });
    }
    return objectFailure(refusal, { label });
  }
}

/** A SAS as it stands in the environment or in an answer, fit to be appended. */
export function cleanSas(sas: string): string {
  return sas.trim().replace(/^\?/, '');
}

/** Milliseconds since 1970 at which a SAS ends; never, when it doesn't say (a stored policy may). */
function sasEnd(sas: string): number {
  const end = Date.parse(new URLSearchParams(sas).get('se') ?? '');
  return Number.isNaN(end) ? Number.POSITIVE_INFINITY : end;
}

function sasOf(url: string): string {
  return url.slice(url.indexOf('?') + 1);
}
