/**
 * Reads an annotation file that may be hundreds of MB large and far away: in pieces, one being fetched while
 * another is parsed, and for large files in a thread of its own, which hands the objects over as columns. Neither
 * a page nor a training loop stands still meanwhile, and the text is never in memory as a whole.
 */
import { canOpenThread, openThread } from '#platform';
import { DataError, OcelliError } from '../../core/index.ts';
import {
  type CocoCategory,
  CocoColumns,
  type CocoColumnsData,
  type CocoColumnsFile,
  type CocoImage,
  CocoPieces,
  type CocoProblem,
  type CocoReading,
  findReadingProblems,
  readCocoTable,
  type TableSource,
} from '../../formats/coco/index.ts';
import type { ByteSource } from '../../storage/index.ts';
import { boundArrays, readWatchedTable, type TableQuestion } from './watched-table.ts';

/** What an annotation file says, and everything that is wrong or odd with it. */
export interface AnnotationFile {
  readonly images: readonly CocoImage[];
  readonly categories: readonly CocoCategory[];
  readonly objects: CocoColumns;
  /** Wrong fields by JSON path; what is wrong with an item without identity left it out. */
  readonly complaints: readonly { readonly path: string; readonly message: string }[];
  readonly problems: readonly CocoProblem[];
}

type AnnotationAnswerFile = Omit<AnnotationFile, 'objects'> & { readonly objects: CocoColumnsData };

/** What a thread is asked: pieces in order, then the result; or a whole table. */
export type AnnotationsQuestion =
  | { readonly source: string; readonly piece: Uint8Array }
  | TableQuestion
  | { readonly finish: true };
export type AnnotationsAnswer =
  | { readonly taken: true }
  | { readonly file: AnnotationAnswerFile }
  | { readonly refused: Pick<OcelliError, 'code' | 'expected' | 'received' | 'hint' | 'problems'> };

const pieceLength = 4 << 20;
/** Files from this size on are worth a thread. */
const large = 16 << 20;

/** The thread's side; `workers/annotations.worker.ts` serves it. One file per thread. */
export function createAnnotationsService(): (
  question: AnnotationsQuestion,
) => Promise<{ value: AnnotationsAnswer; transfer: ArrayBuffer[] }> {
  let pieces: CocoPieces | undefined;
  return async (question) => {
    try {
      if ('piece' in question) {
        pieces ??= new CocoPieces(question.source);
        pieces.feed(question.piece);
        return { value: { taken: true }, transfer: [] };
      }
      if ('table' in question) boundArrays(question.source);
      const file =
        'table' in question
          ? await tableFile(inMemory(question.table), question.source)
          : finished(pieces ?? new CocoPieces(''));
      const { objects, ...rest } = file;
      return { value: { file: { ...rest, objects: objects.data } }, transfer: objects.buffers };
    } catch (error) {
      if (!(error instanceof OcelliError)) throw error;
      const { code, expected, received, hint, problems } = error;
      return { value: { refused: { code, expected, received, hint, problems } }, transfer: [] };
    }
  };
}

/**
 * @param name of the file, for messages
 * @throws DataError for what is no JSON or no annotation file; wrong fields are in the result
 */
export async function readAnnotationFile(
  source: ByteSource,
  name: string,
  signal?: AbortSignal,
): Promise<AnnotationFile> {
  if (isTable(name)) return readTable(source, name, signal);
  const size = await source.size();
  if (size >= large && canOpenThread('annotations')) return readInThread(source, size, name, signal);
  const pieces = new CocoPieces(name);
  for await (const piece of piecesOf(source, size, signal)) {
    pieces.feed(piece);
    // Others come to their turn.
    if (size > pieceLength) await new Promise((resolve) => setTimeout(resolve));
  }
  return finished(pieces);
}

/** Parquet instead of JSON, by the ending of the name. */
export function isTable(name: string): boolean {
  return /\.parquet$/i.test(name);
}

/** Never here: a spoiled one can keep its reader busy for good (watched-table.ts). */
async function readTable(source: ByteSource, name: string, signal?: AbortSignal): Promise<AnnotationFile> {
  const table = await source.read(undefined, signal);
  return fileOf(answered(await readWatchedTable<AnnotationsAnswer>(table, name)));
}

const inMemory = (bytes: Uint8Array): TableSource => ({
  size: bytes.byteLength,
  read: async (start, end) => bytes.subarray(start, end),
});

async function tableFile(source: TableSource, name: string): Promise<AnnotationFile> {
  return summary(await readCocoTable(source, name));
}

async function readInThread(
  source: ByteSource,
  size: number,
  name: string,
  signal?: AbortSignal,
): Promise<AnnotationFile> {
  const thread = openThread<AnnotationsQuestion, AnnotationsAnswer>('annotations');
  try {
    for await (const bytes of piecesOf(source, size, signal)) {
      const piece = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
      const question = { source: name, piece };
      answered(await thread.ask(question, [piece.buffer as ArrayBuffer]));
    }
    return fileOf(answered(await thread.ask({ finish: true })));
  } finally {
    await thread.dispose();
  }
}

function fileOf(answer: AnnotationsAnswer): AnnotationFile {
  if (!('file' in answer)) throw new Error('The thread did not hand over the file');
  return { ...answer.file, objects: new CocoColumns(answer.file.objects) };
}

/** The file in order, the next piece on its way while one is worked on. */
async function* piecesOf(source: ByteSource, size: number, signal?: AbortSignal): AsyncIterable<Uint8Array> {
  if (size <= pieceLength) {
    yield await source.read(undefined, signal);
    return;
  }
  const read = (start: number): Promise<Uint8Array> => {
    const piece = source.read({ start, end: Math.min(size, start + pieceLength) }, signal);
    // It is awaited in its turn; until then a failure must not count as unhandled.
    piece.catch(() => {});
    return piece;
  };
  let next = read(0);
  for (let start = 0; start < size; start += pieceLength) {
    const piece = next;
    if (start + pieceLength < size) next = read(start + pieceLength);
    yield await piece;
  }
}

const finished = (pieces: CocoPieces): AnnotationFile => summary(pieces.finish());

function summary(reading: CocoReading<CocoColumnsFile>): AnnotationFile {
  const { images, categories, annotations } = reading.file;
  const problems = [...findReadingProblems(reading)];
  return { images, categories, objects: annotations, complaints: reading.complaints, problems };
}

function answered(answer: AnnotationsAnswer): AnnotationsAnswer {
  if (!('refused' in answer)) return answer;
  const { hint, ...details } = answer.refused;
  throw new DataError({ ...details, fix: hint });
}
