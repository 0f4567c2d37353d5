/**
 * PASCAL VOC folders as data sets: `Annotations/*.xml` with `JPEGImages/`, or XML beside the pictures. A list
 * such as `ImageSets/Main/train.txt` chooses the images. Classes are the names that occur, in ascending
 * order, numbered from 1. Objects marked as difficult become crowds, as VOC's evaluation leaves them out.
 */
import { counted, DataError } from '../../core/index.ts';
import { parseVoc, type VocAnnotation } from '../../formats/voc/index.ts';
import { mapLimited } from '../picture-sizes.ts';
import type { RawDataset, ReadProblem } from '../raw.ts';
import { type Folder, isPicture, readPlace } from './folder-of.ts';

interface VocRequest {
  /** A list of image ids. */
  readonly annotationFile?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of each broken file, which is then left out instead of refused. */
  readonly onProblem?: ((problem: ReadProblem) => void) | undefined;
}

export async function readVocDataset(folder: Folder, request: VocRequest): Promise<RawDataset> {
  const { annotationFile: listFile, signal, onProblem } = request;
  const pictures = new Map<string, string>();
  let xmlFiles: string[] = [];
  for await (const { path } of folder.list(signal)) {
    if (isPicture(path)) pictures.set(stemOf(path), path);
    else if (/\.xml$/i.test(path)) xmlFiles.push(path);
  }
  if (listFile !== undefined) {
    const text = new TextDecoder().decode(await readPlace(listFile, signal));
    // "000005  1" in the lists of one class: -1 means that the class does not occur.
    const wanted = new Set(text.split(/\r?\n/).map((line) => line.trim().split(/\s+/)[0]!));
    xmlFiles = xmlFiles.filter((path) => wanted.has(stemOf(path)));
  }
  const broken: { readonly path: string; readonly message: string }[] = [];
  const read = await mapLimited(
    xmlFiles,
    16,
    async (path): Promise<(VocAnnotation & { readonly path: string }) | undefined> => {
      try {
        return { path, ...parseVoc(await folder.open(path).read(undefined, signal), path) };
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        // A file that can't be read has no list of problems: what was received is the one.
        const messages = error.problems.length > 0 ? error.problems : [error.received];
        for (const message of messages) broken.push({ path, message });
        return undefined;
      }
    },
  );
  broken.sort((a, b) => (a.path < b.path ? -1 : 1));
  if (onProblem) {
    for (const problem of broken) onProblem({ severity: 'error', code: 'voc_invalid', ...problem });
  } else if (broken.length > 0) throw brokenFiles(folder.place, broken);
  const files = read.filter((item) => item !== undefined);
  const names = [...new Set(files.flatMap(({ objects }) => objects.map(({ name }) => name)))].sort();
  const ids = new Map(names.map((name, position) => [name, position + 1]));
  let nextId = 1;
  return {
    source: folder.place,
    format: 'voc',
    categories: names.map((name, position) => ({ id: position + 1, name })),
    images: files.map((file, position) => ({
      id: position + 1,
      fileName: pictures.get(stemOf(file.path)) ?? file.fileName,
      height: file.height,
      width: file.width,
      annotations: file.objects.map(({ name, bbox, difficult }) => ({
        id: nextId++,
        categoryId: ids.get(name)!,
        bbox,
        area: bbox[2] * bbox[3],
        iscrowd: difficult,
      })),
      categoryIds: [],
    })),
    hasBoxes: true,
    open: (fileName) => folder.open(fileName),
  };
}

/** The file's name without folders and ending: VOC's image id. */
function stemOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.[^.]*$/, '');
}

function brokenFiles(
  place: string,
  broken: readonly { readonly path: string; readonly message: string }[],
): DataError {
  const lines = broken.map(({ path, message }) => `${path}: ${message}`);
  return new DataError({
    code: 'voc_invalid',
    expected: `PASCAL VOC annotations below ${place}`,
    received: `${counted(new Set(broken.map(({ path }) => path)).size, 'file')} that can't be read as such`,
    fix: 'correct what is named',
    problems: lines.length > 20 ? [...lines.slice(0, 20), `… and ${lines.length - 20} more`] : lines,
  });
}
