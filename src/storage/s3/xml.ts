/** The few XML bodies of S3: pages of a listing, the parts of an upload. */
import { XMLParser } from 'fast-xml-parser';
import { RemoteError } from '../../core/index.ts';
import type { ListPage } from '../object-store.ts';

const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  ignoreAttributes: true,
  // Keys may have any character, most of them as entities.
  htmlEntities: true,
  isArray: (name) => name === 'Contents',
});

/** A page of `ListObjectsV2` with `encoding-type=url`, where the server obeys it. */
export function readListPage(body: Uint8Array, label: string): ListPage {
  const root = parseXml(body, label).ListBucketResult;
  if (typeof root !== 'object' || root === null) throw unreadable(label, 'another XML document');
  const result = root as Record<string, unknown>;
  const encoded = result.EncodingType === 'url';
  const contents = (result.Contents ?? []) as Record<string, unknown>[];
  const entries = contents.map((item) => {
    const size = Number(item.Size);
    const key = String(item.Key);
    if (item.Key === undefined || !Number.isSafeInteger(size) || size < 0) {
      throw unreadable(label, 'an object without a name or a size');
    }
    const etag = String(item.ETag ?? '').replace(/^W\/|"/g, '');
    return {
      path: encoded ? decodeURIComponent(key.replace(/\+/g, ' ')) : key,
      size,
      version: etag || `${size}-${Date.parse(String(item.LastModified ?? '')) || 0}`,
    };
  });
  const truncated = String(result.IsTruncated) === 'true';
  const next = result.NextContinuationToken;
  if (truncated && typeof next !== 'string') throw unreadable(label, 'a page that names no next one');
  return { entries, next: truncated ? String(next) : undefined };
}

export function readUploadId(body: Uint8Array, label: string): string {
  const { InitiateMultipartUploadResult: result } = parseXml(body, label) as {
    InitiateMultipartUploadResult?: { UploadId?: string };
  };
  if (!result?.UploadId) throw unreadable(label, 'an upload without an id');
  return result.UploadId;
}

/** The body that completes an upload; parts in ascending order. */
export function completeUpload(etags: readonly string[]): string {
  const parts = etags.map(
    (etag, i) =>
      `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag.replaceAll('"', '&quot;')}</ETag></Part>`,
  );
  return `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
}

function parseXml(body: Uint8Array, label: string): Record<string, unknown> {
  try {
    return parser.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as Record<string, unknown>;
  } catch (cause) {
    throw unreadable(label, 'a body that is no XML', cause);
  }
}

function unreadable(label: string, received: string, cause?: unknown): RemoteError {
  return new RemoteError({
    code: 'answer_invalid',
    expected: `an answer of an S3 server about ${label}`,
    received,
    fix: 'check the endpoint (AWS_ENDPOINT_URL_S3)',
    cause,
  });
}
