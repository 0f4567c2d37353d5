/**
 * COCO's JSON, from bytes to objects. All complaints come in one error. A file of hundreds of MB is read piece by
 * piece (`readCocoPieces`): the text is never in memory as a whole.
 */
import { counted, DataError } from '../../core/index.ts';
import {
  Complaints,
  isObject,
  type Json,
  type ReadItem,
  readAnnotation,
  readCategory,
  readImage,
  show,
} from './items.ts';
import { JsonLists } from './json-lists.ts';
import type { CocoFile, CocoReading } from './types.ts';

/** More complaints than this are counted, not listed. */
const listed = 20;
/** Bytes that are parsed at a time: a few milliseconds. */
const pieceLength = 1 << 20;

/**
 * Reads an annotation file. References between its parts are not followed here: see `findCocoProblems`.
 *
 * @param source the file's name, for messages
 * @throws DataError `coco_invalid` with every complaint
 */
export function parseCoco(bytes: Uint8Array | string, source: string): CocoFile {
  return withoutComplaints(readCoco(bytes, source), source);
}

/** What was read, where nothing is wrong with it. */
export function withoutComplaints({ file, complaints }: CocoReading, source: string): CocoFile {
  if (complaints.length === 0) return file;
  const more = complaints.length - listed;
  const lines = complaints.slice(0, listed).map(({ path, message }) => `${path}: ${message}`);
  throw invalid(source, more > 0 ? [...lines, `… and ${more} more`] : lines);
}

/**
 * Reads what can be read and complains of the rest. A wrong field is left out; what has no identity without it
 * (an annotation without its image) is left out whole.
 *
 * @throws DataError for text that is no JSON, or no object
 */
export function readCoco(bytes: Uint8Array | string, source: string): CocoReading {
  const reader = new CocoReader(source);
  const whole = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
  for (let start = 0; start < whole.length; start += pieceLength) {
    reader.feed(whole.subarray(start, start + pieceLength));
  }
  return reader.finish();
}

/**
 * The same from a file that arrives in pieces. Others come to their turn between them: no more than a few
 * milliseconds of work at a time.
 */
export async function readCocoPieces(
  pieces: AsyncIterable<Uint8Array>,
  source: string,
): Promise<CocoReading> {
  const reader = new CocoReader(source);
  let last = performance.now();
  for await (const piece of pieces) {
    for (let start = 0; start < piece.length; start += pieceLength) {
      reader.feed(piece.subarray(start, start + pieceLength));
      if (performance.now() - last < 15) continue;
      await new Promise((resolve) => setTimeout(resolve));
      last = performance.now();
    }
  }
  return reader.finish();
}

/** The items of one list that could be read, and where each stands in the file. */
class ItemList<Item> {
  readonly items: Item[] = [];
  readonly positions: number[] = [];
  private met = 0;

  constructor(
    private readonly key: string,
    private readonly complaints: Complaints,
    private readonly read: ReadItem<Item>,
  ) {}

  add(items: readonly Json[]): void {
    for (const item of items) {
      const position = this.met++;
      const path = (): string => `${this.key}[${position}]`;
      if (!isObject(item)) {
        this.complaints.add(path(), `expected an object, received ${show(item)}`);
        continue;
      }
      const value = this.read(item, path, this.complaints);
      if (value === undefined) continue;
      this.items.push(value);
      this.positions.push(position);
    }
  }
}

class CocoReader {
  private readonly lists = new JsonLists({
    onList: (key) => this.begin(key),
    onItems: (items) => this.open?.add(items),
    onValue: (key, value) => this.note(key, value),
    onOther: (value) => this.refuse(value),
  });
  private readonly complaints = {
    images: new Complaints(),
    annotations: new Complaints(),
    categories: new Complaints(),
  };
  private images = new ItemList('images', this.complaints.images, readImage);
  private annotations = new ItemList('annotations', this.complaints.annotations, readAnnotation);
  private categories = new ItemList('categories', this.complaints.categories, readCategory);
  private open: { add(items: readonly Json[]): void } | undefined;
  private hasImages = false;

  constructor(private readonly source: string) {}

  feed(piece: Uint8Array): void {
    try {
      this.lists.feed(piece);
    } catch (error) {
      throw this.explained(error);
    }
  }

  finish(): CocoReading {
    try {
      this.lists.finish();
    } catch (error) {
      throw this.explained(error);
    }
    if (!this.hasImages) this.complaints.images.add('images', 'expected a list, received nothing');
    const { images, annotations, categories, complaints } = this;
    return {
      file: withIds({ images: images.items, annotations: annotations.items, categories: categories.items }),
      positions: {
        images: images.positions,
        annotations: annotations.positions,
        categories: categories.positions,
      },
      complaints: [...complaints.images.list, ...complaints.annotations.list, ...complaints.categories.list],
      lostImages: complaints.images.lostImages,
      lostCategories: complaints.categories.lostCategories,
    };
  }

  private begin(key: string): void {
    this.open = undefined;
    if (key === 'images') {
      this.hasImages = true;
      this.open = this.images = new ItemList(key, this.fresh(key), readImage);
    } else if (key === 'annotations') {
      this.open = this.annotations = new ItemList(key, this.fresh(key), readAnnotation);
    } else if (key === 'categories') {
      this.open = this.categories = new ItemList(key, this.fresh(key), readCategory);
    }
  }

  /** Values where lists belong. */
  private note(key: string, value: Json): void {
    if (key !== 'images' && key !== 'annotations' && key !== 'categories') return;
    this.begin(key);
    this.complaints[key].add(key, `expected a list, received ${show(value)}`);
  }

  private refuse(value: Json): never {
    const message = `expected an object with images, annotations and categories, received ${show(value)}`;
    throw invalid(this.source, [`$: ${message}`]);
  }

  private fresh(key: keyof CocoFile): Complaints {
    this.complaints[key] = new Complaints();
    return this.complaints[key];
  }

  private explained(error: unknown): unknown {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) return error;
    return new DataError({
      code: 'coco_not_json',
      expected: `COCO JSON in ${this.source}`,
      received: error.message,
      fix: 'write the file again: it is cut off or no JSON',
      cause: error,
    });
  }
}

/** Annotations without an id get the next free ones: pycocotools and reports need them. */
function withIds(file: CocoFile): CocoFile {
  if (!file.annotations.some(({ id }) => Number.isNaN(id))) return file;
  let next = file.annotations.reduce((most, { id }) => Math.max(most, id || 0), 0);
  return {
    ...file,
    annotations: file.annotations.map((item) => (Number.isNaN(item.id) ? { ...item, id: ++next } : item)),
  };
}

function invalid(source: string, problems: readonly string[]): DataError {
  return new DataError({
    code: 'coco_invalid',
    expected: `a COCO annotation file in ${source}`,
    received: counted(problems.length, 'problem'),
    fix: 'correct the fields that are named',
    problems,
  });
}
