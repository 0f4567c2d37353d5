/** The XML bodies of Azure Blob Storage: pages of a listing, the blocks of a blob. */
import { XMLParser } from 'fast-xml-parser';
import { RemoteError } from '../../core/index.ts';
import type { ListPage } from '../object-store.ts';
import type { Entry } from '../volume.ts';

const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  htmlEntities: true,
  isArray: (name) => name === 'Blob',
});

/** A page of `List Blobs`. */
export function readListPage(body: Uint8Array, label: string): ListPage {
  let document: Record<string, unknown>;
  try {
    // Azure's documents begin with a byte order mark.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body).replace(/^\uFEFF/, '');
    document = parser.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw unreadable(label, 'a body that is no XML', cause);
  }
  const results = document.EnumerationResults as
    | { Blobs?: '' | { Blob?: Record<string, unknown>[] }; NextMarker?: unknown }
    | undefined;
  if (typeof results !== 'object' || results === null) throw unreadable(label, 'another XML document');
  const blobs = (typeof results.Blobs === 'object' ? results.Blobs.Blob : undefined) ?? [];
  const next = results.NextMarker;
  return {
    entries: blobs.filter((blob) => !isFolder(blob)).map((blob) => entryOf(blob, label)),
    next: typeof next === 'string' && next.trim() !== '' ? next : undefined,
  };
}

/** The body of `Put Block List`. */
export function blockList(ids: readonly string[]): string {
  const blocks = ids.map((id) => `<Uncommitted>${id}</Uncommitted>`).join('');
  return `<?xml version="1.0" encoding="utf-8"?><BlockList>${blocks}</BlockList>`;
}

/** Accounts with a hierarchical namespace list folders as empty blobs. */
function isFolder(blob: Record<string, unknown>): boolean {
  const { ResourceType, hdi_isfolder } = (blob.Properties ?? {}) as Record<string, unknown>;
  const metadata = (blob.Metadata ?? {}) as Record<string, unknown>;
  return ResourceType === 'directory' || `${hdi_isfolder ?? metadata.hdi_isfolder}` === 'true';
}

function entryOf(blob: Record<string, unknown>, label: string): Entry {
  const properties = (blob.Properties ?? {}) as Record<string, unknown>;
  const size = Number(properties['Content-Length']);
  const path = nameOf(blob.Name);
  if (path === undefined || !Number.isSafeInteger(size) || size < 0) {
    throw unreadable(label, 'a blob without a name or a size');
  }
  const etag = String(properties.Etag ?? '').replace(/^W\/|"/g, '');
  return { path, size, version: etag || `${size}-${Date.parse(String(properties['Last-Modified'])) || 0}` };
}

/** Names with characters that XML can't hold come percent-encoded, and say so. */
function nameOf(name: unknown): string | undefined {
  if (typeof name === 'string') return name;
  if (typeof name !== 'object' || name === null) return undefined;
  const { '#text': text, '@Encoded': encoded } = name as { '#text'?: string; '@Encoded'?: string };
  return text !== undefined && encoded === 'true' ? decodeURIComponent(text) : text;
}

function unreadable(label: string, received: string, cause?: unknown): RemoteError {
  return new RemoteError({
    code: 'answer_invalid',
    expected: `an answer of Azure Blob Storage about ${label}`,
    received,
    fix: 'check the account and the endpoint (AZURE_STORAGE_ENDPOINT)',
    cause,
  });
}
