/**
 * What lies at a place: the format is a row in a table, `auto` looks at the files. Nothing is decided here
 * about tasks and classes.
 */
import { ConfigError } from '../core/index.ts';
import type { RawDataset, ReadProblem } from './raw.ts';
import { readClassFolders } from './readers/class-folders.ts';
import { readCocoDataset } from './readers/coco.ts';
import {
  type Folder,
  isPicture,
  nameOf,
  openFolder,
  openPlaceFile,
  parentPlace,
  placeExists,
  type Reading,
} from './readers/folder-of.ts';
import { readVocDataset } from './readers/voc.ts';
import { findYoloClasses, readYoloDataset } from './readers/yolo.ts';
import { isSamplePlace, readSampleDataset } from './sample/place.ts';
import { indexName } from './shards/index-file.ts';
import { readShards } from './shards/read.ts';

export type FileFormat = 'coco' | 'folder' | 'voc' | 'yolo' | 'shards';

export interface ReadRequest extends Reading {
  readonly place: string;
  /** COCO JSON or its table (`.parquet`); for VOC a list of image ids, for YOLO the file with the class names. */
  readonly annotationFile?: string | undefined;
  readonly format?: FileFormat | 'auto' | undefined;
  /** Whether objects must have boxes. */
  readonly needsBoxes?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told what is wrong or odd in the annotations, which are then read as far as they go. */
  readonly onProblem?: ((problem: ReadProblem) => void) | undefined;
}

/** What lies at a place, before classes are mapped. */
export async function readRawDataset(request: ReadRequest): Promise<RawDataset> {
  const { place, signal } = request;
  if (isSamplePlace(place)) {
    return readSampleDataset(place, request.needsBoxes ?? false, signal);
  }
  const folder = await openFolder(place, request);
  const { format, annotationFile } =
    request.format === undefined || request.format === 'auto'
      ? await detectFormat(folder, request.annotationFile)
      : { format: request.format, annotationFile: request.annotationFile };
  switch (format) {
    case 'coco': {
      const found = annotationFile ?? (await findCocoFile(folder));
      if (found === undefined) throw withoutAnnotationFile(place);
      const needsBoxes = request.needsBoxes ?? true;
      return readCocoDataset({
        folder,
        annotationFile: found,
        annotations: await openPlaceFile(found, request),
        needsBoxes,
        signal,
        onProblem: request.onProblem,
      });
    }
    case 'shards':
      return readShards(folder, request);
    case 'folder':
      return readClassFolders(folder, signal);
    case 'voc':
      return readVocDataset(folder, { ...request, annotationFile });
    case 'yolo':
      return readYoloDataset(folder, { ...request, annotationFile });
  }
}

interface Detected {
  readonly format: FileFormat;
  readonly annotationFile?: string | undefined;
}

async function detectFormat(folder: Folder, annotationFile: string | undefined): Promise<Detected> {
  if (annotationFile !== undefined) {
    const yaml = /\.ya?ml$/i.test(annotationFile);
    const text = /\.txt$/i.test(annotationFile);
    if (yaml || (text && nameOf(annotationFile) === 'classes.txt')) return { format: 'yolo', annotationFile };
    return { format: text ? 'voc' : 'coco', annotationFile };
  }
  if (await placeExists(`${folder.place}/${indexName}`)) return { format: 'shards' };
  const found = await findCocoFile(folder);
  if (found !== undefined) return { format: 'coco', annotationFile: found };
  const seen = { loose: false, voc: false, yolo: false };
  for await (const { path } of folder.list()) {
    if (isPicture(path)) seen.loose ||= !path.includes('/');
    else if (/\.xml$/i.test(path)) seen.voc = true;
    else if (/\.txt$/i.test(path)) seen.yolo ||= (await findYoloClasses(folder.place)) !== undefined;
    if (seen.voc) return { format: 'voc' };
    if (seen.yolo) return { format: 'yolo' };
  }
  if (seen.loose && (await findYoloClasses(folder.place)) !== undefined) return { format: 'yolo' };
  return { format: 'folder' };
}

/** The annotation file of a folder of images, by the names that tools give it. */
async function findCocoFile({ place }: Folder): Promise<string | undefined> {
  const split = nameOf(place);
  const above = parentPlace(place);
  const aboveSplit = nameOf(above);
  const candidates = [
    `${place}/annotations.json`,
    `${place}/annotations.parquet`,
    `${place}/_annotations.coco.json`,
    `${place}/instances.json`,
    `${above}/annotations.json`,
    `${above}/annotations.parquet`,
    `${above}/instances.json`,
    `${above}/${split}.json`,
    `${above}/annotations/instances_${split}.json`,
    `${above}/annotations/${split}.json`,
    ...(split === 'images' ? [`${parentPlace(above)}/annotations/instances_${aboveSplit}.json`] : []),
  ];
  for (const candidate of candidates) if (await placeExists(candidate)) return candidate;
  return undefined;
}

function withoutAnnotationFile(place: string): ConfigError {
  return new ConfigError({
    code: 'annotation_file_missing',
    expected: `a COCO annotation file for ${place}`,
    received: 'none in the recipe, and no annotations.json beside or below the images',
    fix: 'name it as data.train_annotation_file (and its like for the other splits)',
  });
}
