/** COCO annotation files as data sets. */
import { counted, DataError } from '../../core/index.ts';
import { type CocoId, type CocoObject, withoutComplaints } from '../../formats/coco/index.ts';
import type { ByteSource } from '../../storage/index.ts';
import type { RawDataset, RawImage, ReadProblem } from '../raw.ts';
import type { Annotation } from '../types.ts';
import { type AnnotationFile, readAnnotationFile } from './annotation-file.ts';
import { type Folder, nameOf } from './folder-of.ts';

export interface CocoRequest {
  readonly folder: Folder;
  /** The place of the annotation file, and the file. */
  readonly annotationFile: string;
  readonly annotations: ByteSource;
  /** Whether objects must have boxes; for classification the category is enough. */
  readonly needsBoxes: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Told everything that is wrong, where it is not to be refused (`ocelli data check`). */
  readonly onProblem?: ((problem: ReadProblem) => void) | undefined;
}

export async function readCocoDataset(request: CocoRequest): Promise<RawDataset> {
  const { folder } = request;
  const file = await readCocoFile(request);
  const images = rawImages(file);
  const subfolder = await findImages(images, folder);
  // Objects of images that the file doesn't have are in none of its images.
  const whole = !file.problems.some(({ code }) => code === 'dangling_image_id');
  return {
    source: folder.place,
    format: 'coco',
    categories: file.categories.map(({ id, name, supercategory }) => ({
      id,
      name,
      ...(supercategory !== undefined && { supercategory }),
    })),
    images,
    ...(whole && { usedCategories: file.objects.categoriesInUse() }),
    hasBoxes: true,
    open: (fileName) => folder.open(subfolder + fileName),
  };
}

/** The file, when it is right; with someone to tell the problems to, what is right of it. */
export async function readCocoFile(request: Omit<CocoRequest, 'folder'>): Promise<AnnotationFile> {
  const { annotationFile, annotations, signal, onProblem, needsBoxes } = request;
  const file = await readAnnotationFile(annotations, annotationFile, signal);
  if (!onProblem) {
    withoutComplaints({ file, complaints: file.complaints }, annotationFile);
    refuseContradictions(file, request);
    return file;
  }
  for (const problem of file.problems) {
    if (needsBoxes || problem.code !== 'box_missing') onProblem(problem);
  }
  return file;
}

/** Images with their objects, in the order of the file. Objects are made from their columns when they are asked for. */
export function rawImages({ images, objects }: Pick<AnnotationFile, 'images' | 'objects'>): RawImage[] {
  const numbers = new Map(images.map(({ id }, number) => [id, number]));
  const { starts, order } = sortedByImage(objects, numbers);
  return images.map(({ id, file_name, height, width }) => {
    const number = numbers.get(id)!;
    const positions = order.subarray(starts[number], starts[number + 1]);
    return {
      id,
      fileName: file_name,
      height,
      width,
      get annotations() {
        return Array.from(positions, (position) => toAnnotation(objects.at(position)));
      },
      categoryIds: [],
    };
  });
}

/** The positions of all objects, those of one image together, and where each image's begin. */
function sortedByImage(
  objects: AnnotationFile['objects'],
  numbers: ReadonlyMap<CocoId, number>,
): { readonly starts: Uint32Array; readonly order: Uint32Array } {
  const starts = new Uint32Array(numbers.size + 1);
  const images = Array.from({ length: objects.length }, (_, i) => numbers.get(objects.imageIdAt(i)));
  for (const image of images) if (image !== undefined) starts[image + 1]!++;
  for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
  const order = new Uint32Array(starts.at(-1)!);
  const next = starts.slice();
  for (const [position, image] of images.entries()) if (image !== undefined) order[next[image]!++] = position;
  return { starts, order };
}

function toAnnotation(item: CocoObject): Annotation {
  const annotation: Annotation = {
    id: item.id,
    categoryId: item.category_id,
    bbox: item.bbox ?? [0, 0, 0, 0],
    area: item.area ?? 0,
    iscrowd: item.iscrowd,
    ...(item.keypoints && { keypoints: item.keypoints }),
  };
  if (!('segmentation' in item)) return annotation;
  // Most who look at boxes don't look at masks.
  const get = (): Annotation['segmentation'] => item.segmentation;
  return Object.defineProperty(annotation, 'segmentation', { get, enumerable: true, configurable: true });
}

/** A file that contradicts itself is no ground truth; what is merely odd is for `ocelli data check`. */
function refuseContradictions(
  file: AnnotationFile,
  { annotationFile, needsBoxes }: Pick<CocoRequest, 'annotationFile' | 'needsBoxes'>,
): void {
  const problems: string[] = [];
  let count = 0;
  const note = (text: string): void => {
    if (count++ < 20) problems.push(text);
  };
  for (const { code, severity, path, message } of file.problems) {
    if (severity === 'error' && (needsBoxes || code !== 'box_missing')) note(`${path}: ${message}`);
  }
  if (count === 0) return;
  throw new DataError({
    code: 'coco_inconsistent',
    expected: `annotations in ${annotationFile} that fit together`,
    received: counted(count, 'contradiction'),
    fix: 'correct the file; `ocelli data check` lists everything that is wrong with a data set',
    problems: count > problems.length ? [...problems, `… and ${count - problems.length} more`] : problems,
  });
}

/** Pictures lie in the folder itself, or in `images/` or a folder of the same name below it. */
export async function findImages(images: readonly RawImage[], folder: Folder): Promise<string> {
  const candidates = ['', 'images/', `${nameOf(folder.place)}/`];
  for (const { fileName } of images.slice(0, 3)) {
    for (const candidate of candidates) {
      const found = await folder
        .open(candidate + fileName)
        .size()
        .then(
          () => true,
          () => false,
        );
      if (found) return candidate;
    }
  }
  return '';
}
