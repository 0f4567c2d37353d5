/** Folders of the browser's disk for the page: lists, archives. */
import { BlobReader, BlobWriter, ZipWriter } from '@zip.js/zip.js';
import { files } from '#platform';
import type { FileListing } from '../protocol.ts';

/** Everything below, ascending. */
export async function listBelow(folder: string): Promise<FileListing[]> {
  const listings = await Promise.all(
    (await files.list(folder)).map(async ({ path, size, isDirectory }) =>
      isDirectory ? listBelow(path) : [{ path, size }],
    ),
  );
  return listings.flat();
}

export async function blobOf(path: string): Promise<Blob> {
  return new Blob([(await files.read(path)) as Uint8Array<ArrayBuffer>]);
}

/** Names in the archive begin with the folder's own name. Weights don't shrink, so nothing is compressed. */
export async function zipFolder(folder: string): Promise<Blob> {
  const parent = folder.replace(/\/+$/, '').replace(/[^/]*$/, '');
  const writer = new ZipWriter(new BlobWriter('application/zip'), { level: 0, useWebWorkers: false });
  for (const { path } of await listBelow(folder)) {
    await writer.add(path.slice(parent.length), new BlobReader(await blobOf(path)));
  }
  return writer.close();
}
