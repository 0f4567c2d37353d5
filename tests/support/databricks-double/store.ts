/** The object store behind the double's volumes: a bucket of a real S3 server, whose URLs it signs. */
import { AwsClient } from 'aws4fetch';
import { XMLParser } from 'fast-xml-parser';
import type { S3Server } from '../seaweed.ts';

export interface StoredFolder {
  readonly files: readonly { readonly name: string; readonly size: number; readonly modified: number }[];
  readonly folders: readonly string[];
  readonly next?: string;
}

interface Part {
  readonly PartNumber: string;
  readonly ETag: string;
}

const parser = new XMLParser({
  parseTagValue: false,
  // Numbers of characters too.
  htmlEntities: true,
  isArray: (name) => name === 'Contents' || name === 'CommonPrefixes',
});

export class Store {
  private readonly client: AwsClient;

  constructor(
    readonly server: S3Server,
    readonly bucket: string,
  ) {
    const { accessKeyId, secretAccessKey, region } = server;
    this.client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 });
  }

  /** @param query beside the signature: `uploadId`, `partNumber` */
  async sign(
    method: string,
    key: string,
    seconds: number,
    query: Record<string, string> = {},
  ): Promise<string> {
    const url = new URL(`${this.server.endpoint}${this.path(key)}`);
    for (const [name, value] of Object.entries({ ...query, 'X-Amz-Expires': String(seconds) })) {
      url.searchParams.set(name, value);
    }
    const signed = await this.client.sign(url, { method, aws: { signQuery: true } });
    return signed.url;
  }

  request(
    method: string,
    key: string,
    init: { headers?: Record<string, string>; body?: Uint8Array | string; query?: string } = {},
  ): Promise<Response> {
    const { query = '', body, headers = {} } = init;
    return this.server.request(`${this.path(key)}${query}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: body as BodyInit }),
    });
  }

  async list(prefix: string, pageSize: number, token?: string): Promise<StoredFolder> {
    const query = new URLSearchParams({
      'list-type': '2',
      delimiter: '/',
      prefix,
      'max-keys': String(pageSize),
    });
    if (token) query.set('continuation-token', token);
    const response = await this.server.request(`/${this.bucket}?${query}`);
    const text = await response.text();
    if (!response.ok) throw new Error(`listing ${prefix}: ${response.status} ${text}`);
    const { ListBucketResult: found } = parser.parse(text) as {
      ListBucketResult: {
        Contents?: { Key: string; Size: string; LastModified: string }[];
        CommonPrefixes?: { Prefix: string }[];
        NextContinuationToken?: string;
      };
    };
    const next = found.NextContinuationToken;
    return {
      files: (found.Contents ?? [])
        .filter(({ Key }) => !Key.endsWith('/'))
        .map(({ Key, Size, LastModified }) => ({
          name: Key.slice(prefix.length),
          size: Number(Size),
          modified: Date.parse(LastModified),
        })),
      folders: (found.CommonPrefixes ?? []).map(({ Prefix }) => Prefix.slice(prefix.length, -1)),
      ...(next ? { next } : {}),
    };
  }

  async exists(key: string): Promise<boolean> {
    return (await this.request('HEAD', key)).ok;
  }

  async startUpload(key: string): Promise<string> {
    const response = await this.request('POST', key, { query: '?uploads=' });
    const id = /<UploadId>([^<]+)</.exec(await response.text())?.[1];
    if (!id) throw new Error(`no upload id: ${response.status}`);
    return id;
  }

  async completeUpload(
    key: string,
    id: string,
    parts: readonly { part_number: number; etag: string }[],
  ): Promise<Response> {
    const body = `<CompleteMultipartUpload>${parts
      .map(
        ({ part_number: number, etag }) =>
          `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`,
      )
      .join('')}</CompleteMultipartUpload>`;
    return this.request('POST', key, { query: `?uploadId=${encodeURIComponent(id)}`, body });
  }

  /** ETags of the parts that have come, by their number. */
  async partTags(key: string, id: string): Promise<ReadonlyMap<number, string>> {
    const response = await this.request('GET', key, { query: `?uploadId=${encodeURIComponent(id)}` });
    const { ListPartsResult: found } = parser.parse(await response.text()) as {
      ListPartsResult: { Part: Part | Part[] };
    };
    return new Map([found.Part].flat().map(({ PartNumber, ETag }) => [Number(PartNumber), ETag]));
  }

  /** Uploads that were begun and neither completed nor aborted. */
  async openUploads(): Promise<number> {
    const response = await this.server.request(`/${this.bucket}?uploads=`);
    return ((await response.text()).match(/<UploadId>/g) ?? []).length;
  }

  private path(key: string): string {
    return `/${this.bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
  }
}
