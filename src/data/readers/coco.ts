/** COCO annotation files as data sets. */
import { counted, DataError } from '../../core/index.ts';
import {
  type CocoFile,
  type CocoId,
  findCocoProblems,
  findReadingProblems,
  parseCoco,
  readCoco,
} from '../../formats/coco/index.ts';
import type { RawDataset, RawImage, ReadProblem } from '../raw.ts';
import type { Annotation } from '../types.ts';
import { type Folder, nameOf, readPlace } from './folder-of.ts';

export interface CocoRequest {
  readonly folder: Folder;
  /** The place of the annotation file. */
  readonly annotationFile: string;
  /** Whether objects must have boxes; for classification the category is enough. */
  readonly needsBoxes: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Told everything that is wrong, where it is not to be refused (`ocelli data check`). */
  readonly onProblem?: ((problem: ReadProblem) => void) | undefined;
}

export async function readCocoDataset(request: CocoRequest): Promise<RawDataset> {
  const { folder } = request;
  const file = await readFile(request);
  const subfolder = await findImages(file, folder);
  return {
    source: folder.place,
    format: 'coco',
    categories: file.categories.map(({ id, name, supercategory }) => ({
      id,
      name,
      ...(supercategory !== undefined && { supercategory }),
    })),
    images: rawImages(file),
    hasBoxes: true,
    open: (fileName) => folder.open(subfolder + fileName),
  };
}

/** The file, when it is right; with someone to tell the problems to, what is right of it. */
async function readFile(request: CocoRequest): Promise<CocoFile> {
  const { annotationFile, signal, onProblem, needsBoxes } = request;
  const bytes = await readPlace(annotationFile, signal);
  if (!onProblem) {
    const file = parseCoco(bytes, annotationFile);
    refuseContradictions(file, request);
    return file;
  }
  const reading = readCoco(bytes, annotationFile);
  for (const problem of findReadingProblems(reading)) {
    if (needsBoxes || problem.code !== 'box_missing') onProblem(problem);
  }
  return reading.file;
}

/** Images with their objects, in the order of the file. */
function rawImages(file: CocoFile): RawImage[] {
  const annotations = new Map<CocoId, Annotation[]>();
  for (const image of file.images) annotations.set(image.id, []);
  for (const item of file.annotations) {
    annotations.get(item.image_id)?.push({
      id: item.id,
      categoryId: item.category_id,
      bbox: item.bbox ?? [0, 0, 0, 0],
      area: item.area ?? 0,
      iscrowd: item.iscrowd,
      ...(item.segmentation && { segmentation: item.segmentation }),
      ...(item.keypoints && { keypoints: item.keypoints }),
    });
  }
  return file.images.map(({ id, file_name, height, width }) => ({
    id,
    fileName: file_name,
    height,
    width,
    annotations: annotations.get(id)!,
    categoryIds: [],
  }));
}

/** A file that contradicts itself is no ground truth; what is merely odd is for `ocelli data check`. */
function refuseContradictions(file: CocoFile, { annotationFile, needsBoxes }: CocoRequest): void {
  const problems: string[] = [];
  let count = 0;
  const note = (text: string): void => {
    if (count++ < 20) problems.push(text);
  };
  for (const { code, severity, path, message } of findCocoProblems(file)) {
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
async function findImages(file: CocoFile, folder: Folder): Promise<string> {
  const candidates = ['', 'images/', `${nameOf(folder.place)}/`];
  for (const { file_name } of file.images.slice(0, 3)) {
    for (const candidate of candidates) {
      const found = await folder
        .open(candidate + file_name)
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
