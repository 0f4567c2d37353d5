/**
 * Packs a split into shards. Training pictures are dealt to the shards in an order that the seed decides, so that
 * neighbours in a shard are strangers (class folders would otherwise give a shard per class); other splits keep
 * their order, in which evaluation reads them. The order of the annotations stays, so a data set in shards has
 * the same records, and the same digest, as its files.
 */
import { DataError, derive, permutation } from '../../core/index.ts';
import { TarWriter } from '../../formats/tar/index.ts';
import { openPlace, type Volume } from '../../storage/index.ts';
import { toCoco } from '../convert.ts';
import { orSetAside } from '../picture-sizes.ts';
import type { RawDataset, RawImage } from '../raw.ts';
import type { SetAside } from '../types.ts';
import { annotationsName, indexName, parseShardIndex, type ShardIndex } from './index-file.ts';

export interface PackOptions {
  readonly raw: RawDataset;
  /** The place of the folder that gets the shards. */
  readonly out: string;
  /** Deals the pictures in an order of this seed; left out: in theirs. */
  readonly shuffle?: number | undefined;
  /** Bytes from which a shard is full (100 MB). */
  readonly shardBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface Packed {
  readonly images: number;
  readonly shards: number;
  readonly bytes: number;
  /** Pictures that can't be read. Their annotations stay, and the loader sets them aside. */
  readonly setAside: readonly SetAside[];
}

/** Pictures that are read at a time. */
const ahead = 16;

export async function packShards(options: PackOptions): Promise<Packed> {
  const { raw, out, shuffle, shardBytes = 100e6, signal } = options;
  const { volume, path } = await openPlace(out, { as: 'folder' });
  const at = (name: string): string => (path === '' ? name : `${path.replace(/\/$/, '')}/${name}`);
  const earlier = await archivesOf(volume, at(indexName));
  // It would name places in archives that are replaced now.
  await volume.remove(at(indexName));
  const shards: ShardIndex['shards'][number][] = [];
  const setAside: SetAside[] = [];
  let writer = new TarWriter();
  let files: [string, number, number][] = [];
  let bytes = 0;
  const close = async (): Promise<void> => {
    if (files.length === 0) return;
    const name = `${String(shards.length).padStart(5, '0')}.tar`;
    const archive = writer.finish();
    await volume.write(at(name), archive, {
      contentType: 'application/x-tar',
      ...(signal && { signal }),
    });
    shards.push({ path: name, size: archive.length, files });
    bytes += archive.length;
    writer = new TarWriter();
    files = [];
  };
  const order = dealt(raw.images.length, shuffle);
  let done = 0;
  for await (const [number, content] of inOrder(raw, order, signal)) {
    const image = raw.images[number]!;
    options.onProgress?.(++done, order.length);
    if ('bad' in content) {
      setAside.push(content.bad);
      continue;
    }
    const key = String(number).padStart(9, '0');
    writer.add({ name: key + endingOf(image.fileName), content: content.value });
    const { start } = writer.places.at(-1)!;
    files.push([image.fileName, start, content.value.length]);
    writer.add({
      name: `${key}.json`,
      content: new TextEncoder().encode(JSON.stringify(sampleOf(raw, image))),
    });
    if (writer.size >= shardBytes) await close();
  }
  await close();
  await writeAnnotations(volume, at(annotationsName), raw);
  const index: ShardIndex = {
    format: 'ocelli-shards',
    version: 1,
    annotations: annotationsName,
    has_boxes: raw.hasBoxes,
    shards,
  };
  for (const name of earlier) if (!shards.some((shard) => shard.path === name)) await volume.remove(at(name));
  // Last: a folder that has its index is whole.
  await volume.write(at(indexName), JSON.stringify(index), { contentType: 'application/json' });
  return { images: order.length - setAside.length, shards: shards.length, bytes, setAside };
}

/** What an earlier packing has left in the folder; only what its index names is touched. */
async function archivesOf(volume: Volume, index: string): Promise<readonly string[]> {
  try {
    const { shards } = parseShardIndex(await volume.open(index).read(), index);
    return shards.map(({ path }) => path).filter((path) => /^\d{5,}\.tar$/.test(path));
  } catch (error) {
    // None, or one that says nothing.
    if (error instanceof DataError) return [];
    throw error;
  }
}

function dealt(length: number, shuffle: number | undefined): Uint32Array {
  if (shuffle === undefined) return Uint32Array.from({ length }, (_, i) => i);
  return permutation(length, derive(shuffle, 'shards'));
}

type Content = Awaited<ReturnType<typeof orSetAside<Uint8Array>>>;

/** Pictures in order, some of them on their way. */
async function* inOrder(
  raw: RawDataset,
  order: Uint32Array,
  signal?: AbortSignal,
): AsyncIterable<[number: number, content: Content]> {
  const reading: Promise<Content>[] = [];
  let next = 0;
  for (const number of order) {
    while (next < order.length && reading.length < ahead) {
      const image = raw.images[order[next++]!]!;
      const content = orSetAside(image, () => raw.open(image.fileName).read(undefined, signal));
      content.catch(() => {});
      reading.push(content);
    }
    yield [number, await reading.shift()!];
  }
}

/** What WebDataset's readers find beside a picture. */
function sampleOf(raw: RawDataset, image: RawImage): unknown {
  const { images, annotations } = cocoOf(raw, [image]);
  const used = new Set(annotations.map(({ category_id }) => category_id));
  const names = raw.categories.filter(({ id }) => used.has(id));
  return {
    ...images[0],
    annotations,
    categories: Object.fromEntries(names.map(({ id, name }) => [id, name])),
  };
}

/** COCO's objects; an image's own classes are annotations without a box. */
function cocoOf(raw: RawDataset, images: readonly RawImage[]) {
  const coco = toCoco({ categories: raw.categories, images });
  if (raw.hasBoxes) return coco;
  const annotations = coco.annotations.map(({ image_id, category_id }) => ({ image_id, category_id }));
  return { ...coco, annotations };
}

/** In pieces: the text of a large set is longer than a string may be. */
async function writeAnnotations(volume: Volume, path: string, raw: RawDataset): Promise<void> {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  const put = (text: string): void => void parts.push(encoder.encode(text));
  const list = (items: readonly unknown[], first: boolean): void => {
    const text = JSON.stringify(items).slice(1, -1);
    if (text !== '') put(first ? text : `,${text}`);
  };
  put('{"images":[');
  const pieces: (readonly RawImage[])[] = [];
  for (let start = 0; start < raw.images.length; start += 512)
    pieces.push(raw.images.slice(start, start + 512));
  let nextId = 1;
  pieces.forEach((images, i) => {
    list(
      images.map(({ id, fileName, width, height }) => ({ id, file_name: fileName, width, height })),
      i === 0,
    );
  });
  put('],"annotations":[');
  let first = true;
  for (const images of pieces) {
    const annotations = cocoOf(raw, images).annotations.map((item) =>
      'id' in item ? item : { id: nextId++, ...item },
    );
    list(annotations, first);
    first &&= annotations.length === 0;
  }
  put(`],"categories":${JSON.stringify(toCoco({ categories: raw.categories, images: [] }).categories)}}`);
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  await volume.write(path, bytes, { contentType: 'application/json' });
}

/** `.jpg`; pictures without an ending get one that says nothing. */
function endingOf(fileName: string): string {
  return /\.[A-Za-z0-9]{1,8}$/.exec(fileName)?.[0].toLowerCase() ?? '.image';
}
