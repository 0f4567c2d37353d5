/**
 * YOLO folders as data sets: `images/train/a.jpg` with `labels/train/a.txt` (or the text file beside the
 * picture) and class names in `data.yaml` or `classes.txt`. Category ids are YOLO's class numbers, from 0.
 * Boxes are shares of the picture, so the header of every picture is read for its size.
 */
import { counted, DataError, type Size } from '../../core/index.ts';
import { parseYoloClasses, parseYoloLabels } from '../../formats/yolo/index.ts';
import { openPlace } from '../../storage/index.ts';
import { mapLimited, readPictureSize } from '../picture-sizes.ts';
import type { RawDataset, RawImage, ReadProblem } from '../raw.ts';
import { type Folder, isPicture, parentPlace, placeExists, readPlace } from './folder-of.ts';

interface YoloRequest {
  /** The file with the class names. */
  readonly annotationFile?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of each wrong line, which is then left out instead of refused. */
  readonly onProblem?: ((problem: ReadProblem) => void) | undefined;
}

export async function readYoloDataset(folder: Folder, request: YoloRequest): Promise<RawDataset> {
  const { annotationFile, signal, onProblem } = request;
  const namesFile = annotationFile ?? (await findYoloClasses(folder.place));
  if (namesFile === undefined) {
    throw new DataError({
      code: 'yolo_classes_missing',
      expected: `data.yaml or classes.txt in ${folder.place} or up to two folders above`,
      received: 'neither',
      fix: 'name the file with the class names as data.train_annotation_file (and for the other splits)',
    });
  }
  const names = parseYoloClasses(new TextDecoder().decode(await readPlace(namesFile, signal)), namesFile);
  const pictures: string[] = [];
  for await (const { path } of folder.list(signal)) if (isPicture(path)) pictures.push(path);
  const problems: { readonly path: string; readonly message: string }[] = [];
  let nextId = 1;
  const read = await mapLimited(pictures, 16, (path) => readLabels(folder, path, signal));
  const images: RawImage[] = read.map(({ size, text }, position) => {
    const fileName = pictures[position]!;
    // The size is 0 for a picture that can't be read: the loader sets it aside and counts it.
    const objects = parseYoloLabels(text, size, (message) => problems.push({ path: fileName, message }));
    const unknown = objects.find(({ classIndex }) => classIndex >= names.length);
    if (unknown) {
      const message = `class ${unknown.classIndex}, but ${namesFile} names ${names.length}`;
      problems.push({ path: fileName, message });
    }
    return {
      id: position + 1,
      fileName,
      ...size,
      annotations: objects.map(({ classIndex, bbox, polygon }) => ({
        id: nextId++,
        categoryId: classIndex,
        bbox,
        area: bbox[2] * bbox[3],
        iscrowd: false,
        ...(polygon && { segmentation: [polygon] }),
      })),
      categoryIds: [],
    };
  });
  if (onProblem) {
    for (const problem of problems) onProblem({ severity: 'error', code: 'yolo_invalid', ...problem });
  } else if (problems.length > 0) throw wrongLabels(folder.place, problems);
  return {
    source: folder.place,
    format: 'yolo',
    categories: names.map((name, id) => ({ id, name })),
    images,
    hasBoxes: true,
    open: (fileName) => folder.open(fileName),
  };
}

/** The file with the class names: in the folder of the images or up to two above. */
export async function findYoloClasses(place: string): Promise<string | undefined> {
  let folder = place.replace(/(.)\/+$/, '$1');
  for (let level = 0; level < 3; level++) {
    for (const name of ['data.yaml', 'data.yml', 'dataset.yaml', 'classes.txt']) {
      if (await placeExists(`${folder}/${name}`)) return `${folder}/${name}`;
    }
    folder = parentPlace(folder);
  }
  return undefined;
}

async function readLabels(
  folder: Folder,
  path: string,
  signal?: AbortSignal,
): Promise<{ readonly size: Size; readonly text: string }> {
  const size = await readPictureSize(folder.open(path), signal).catch((error: unknown) => {
    if (error instanceof DataError) return { height: 0, width: 0 };
    throw error;
  });
  for (const place of labelPlaces(folder.place, path)) {
    if (!(await placeExists(place))) continue;
    const { volume, path: labelPath } = await openPlace(place);
    return { size, text: new TextDecoder().decode(await volume.open(labelPath).read(undefined, signal)) };
  }
  return { size, text: '' };
}

/** Beside the picture, and where the last folder called `images` is called `labels`. */
function labelPlaces(root: string, path: string): string[] {
  const text = `${root}/${path}`.replace(/\.[^./]*$/, '.txt');
  const parts = text.split('/');
  const images = parts.lastIndexOf('images');
  if (images < 0) return [text];
  parts[images] = 'labels';
  return [parts.join('/'), text];
}

function wrongLabels(
  place: string,
  problems: readonly { readonly path: string; readonly message: string }[],
): DataError {
  const lines = problems.map(({ path, message }) => `${path}: ${message}`);
  return new DataError({
    code: 'yolo_invalid',
    expected: `YOLO labels for ${place}`,
    received: counted(lines.length, 'problem'),
    fix: 'correct the lines that are named',
    problems: lines.length > 20 ? [...lines.slice(0, 20), `… and ${lines.length - 20} more`] : lines,
  });
}
