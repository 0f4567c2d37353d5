/** A folder of shards as a data set: the records of its annotation file, pictures as ranges of the archives. */
import { DataError } from '../../core/index.ts';
import type { ByteSource } from '../../storage/index.ts';
import type { RawDataset, RawImage, ReadProblem } from '../raw.ts';
import { rawImages, readCocoFile } from '../readers/coco.ts';
import type { Folder } from '../readers/folder-of.ts';
import type { Located } from '../types.ts';
import { indexName, parseShardIndex } from './index-file.ts';

export interface ShardsRequest {
  readonly needsBoxes?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProblem?: ((problem: ReadProblem) => void) | undefined;
}

export async function readShards(folder: Folder, request: ShardsRequest): Promise<RawDataset> {
  const place = `${folder.place}/${indexName}`;
  const index = parseShardIndex(await folder.open(indexName).read(undefined, request.signal), place);
  const places = new Map<string, Located>();
  for (const { path, files } of index.shards) {
    for (const [name, start, length] of files) places.set(name, { file: path, start, end: start + length });
  }
  const file = await readCocoFile({
    annotationFile: `${folder.place}/${index.annotations}`,
    annotations: folder.open(index.annotations),
    needsBoxes: index.has_boxes && (request.needsBoxes ?? true),
    signal: request.signal,
    onProblem: request.onProblem,
  });
  const images = rawImages(file);
  return {
    source: folder.place,
    format: 'shards',
    categories: file.categories.map(({ id, name, supercategory }) => ({
      id,
      name,
      ...(supercategory !== undefined && { supercategory }),
    })),
    images: index.has_boxes ? images : images.map(withoutBoxes),
    hasBoxes: index.has_boxes,
    locate: (fileName) => places.get(fileName),
    openFile: (path) => folder.open(path),
    open(fileName) {
      const located = places.get(fileName);
      return located ? rangeSource(folder.open(located.file), located) : missing(fileName, place);
    },
  };
}

function withoutBoxes(image: RawImage): RawImage {
  return { ...image, annotations: [], categoryIds: image.annotations.map(({ categoryId }) => categoryId) };
}

/** Part of a file as a source of its own. */
function rangeSource(whole: ByteSource, { start, end }: Omit<Located, 'file'>): ByteSource {
  return {
    path: `${whole.path}#${start}-${end}`,
    size: async () => end - start,
    read: (range, signal) =>
      whole.read(range ? { start: start + range.start, end: start + range.end } : { start, end }, signal),
    ...(whole.fresh && { fresh: rangeSource(whole.fresh, { start, end }) }),
    ...(whole.elsewhere && { elsewhere: { ...whole.elsewhere, range: { start, end } } }),
  };
}

function missing(fileName: string, index: string): ByteSource {
  const fail = (): Promise<never> =>
    Promise.reject(
      new DataError({
        code: 'file_missing',
        expected: `${fileName} in ${index}`,
        received: 'no such picture: it could not be read when the shards were packed',
        fix: 'repair the picture and pack the shards again',
      }),
    );
  return { path: fileName, size: fail, read: fail };
}
