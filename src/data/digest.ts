/**
 * A data set's digest: sha256 over classes and records, stable over machines and runs. Records are hashed in
 * blocks and the blocks' digests once more, because the text of a large set is longer than a string may be.
 */
import type { ClassMap } from '../core/index.ts';
import type { ImageRecord } from './types.ts';

const blockLength = 512;

export async function datasetDigest(records: readonly ImageRecord[], classes: ClassMap): Promise<string> {
  const parts = [await sha256(text(classes.categories.map(({ id, name }) => [id, name])))];
  for (let start = 0; start < records.length; start += blockLength) {
    parts.push(await sha256(text(records.slice(start, start + blockLength).map(essence))));
  }
  return sha256(new TextEncoder().encode(parts.join('\n')));
}

/** The sha256 of bytes, in hexadecimal. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What training sees of a record, in a fixed order of the fields. */
function essence({ id, fileName, height, width, annotations, labels }: ImageRecord): unknown {
  return [
    id,
    fileName,
    height,
    width,
    labels,
    annotations.map(({ id, categoryId, bbox, area, iscrowd, segmentation, keypoints }) => [
      id,
      categoryId,
      bbox,
      area,
      iscrowd ? 1 : 0,
      segmentation && 'size' in segmentation ? [segmentation.size, segmentation.counts] : segmentation,
      keypoints,
    ]),
  ];
}

function text(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
