/**
 * COCO's JSON, from bytes to objects. All complaints come in one error. A file of hundreds of MB is read piece by
 * piece (`CocoPieces`): the text is never in memory as a whole.
 */
import { counted, DataError } from '../../core/index.ts';
import { type CocoColumns, CocoColumnsBuilder, type CocoColumnsFile } from './columns.ts';
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
import type { CocoCategory, CocoFile, CocoImage, CocoObject, CocoReading } from './types.ts';

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
export function withoutComplaints<File>(
  { file, complaints }: Pick<CocoReading<File>, 'file' | 'complaints'>,
  source: string,
): File {
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
  const reader = new CocoReader(source, () => new ObjectList());
  const whole = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
  for (let start = 0; start < whole.length; start += pieceLength) {
    reader.feed(whole.subarray(start, start + pieceLength));
  }
  return reader.finish();
}

/** The same from a file that arrives in pieces, with its objects in columns. */
export class CocoPieces {
  private readonly reader: CocoReader<CocoColumns>;

  constructor(source: string) {
    this.reader = new CocoReader(source, () => new CocoColumnsBuilder());
  }

  feed(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; start += pieceLength) {
      this.reader.feed(bytes.subarray(start, start + pieceLength));
    }
  }

  finish(): CocoReading<CocoColumnsFile> {
    return this.reader.finish();
  }
}

/** Where the objects of a file go. */
interface ObjectSink<Objects> {
  push(object: CocoObject): void;
  finish(): Objects;
}

class ObjectList implements ObjectSink<readonly CocoObject[]> {
  private readonly objects: CocoObject[] = [];

  push(object: CocoObject): void {
    this.objects.push(object);
  }

  /** Annotations without an id get the next free ones: pycocotools and reports need them. */
  finish(): readonly CocoObject[] {
    if (!this.objects.some(({ id }) => Number.isNaN(id))) return this.objects;
    let next = this.objects.reduce((most, { id }) => Math.max(most, id || 0), 0);
    return this.objects.map((item) => (Number.isNaN(item.id) ? { ...item, id: ++next } : item));
  }
}

/** The items of one list that could be read, and where each stands in the file. */
class ItemList<Item> {
  readonly positions: number[] = [];
  private met = 0;

  constructor(
    private readonly key: string,
    private readonly complaints: Complaints,
    private readonly read: ReadItem<Item>,
    private readonly items: { push(item: Item): void },
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

class CocoReader<Objects> {
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
  private readonly positions: Record<keyof CocoFile, readonly number[]> = {
    images: [],
    annotations: [],
    categories: [],
  };
  private images: CocoImage[] = [];
  private annotations: ObjectSink<Objects>;
  private categories: CocoCategory[] = [];
  private open: { add(items: readonly Json[]): void } | undefined;
  private hasImages = false;

  constructor(
    private readonly source: string,
    private readonly objects: () => ObjectSink<Objects>,
  ) {
    this.annotations = objects();
  }

  feed(piece: Uint8Array): void {
    try {
      this.lists.feed(piece);
    } catch (error) {
      throw this.explained(error);
    }
  }

  finish(): CocoReading<{ images: CocoImage[]; annotations: Objects; categories: CocoCategory[] }> {
    try {
      this.lists.finish();
    } catch (error) {
      throw this.explained(error);
    }
    if (!this.hasImages) this.complaints.images.add('images', 'expected a list, received nothing');
    const { images, annotations, categories, complaints, positions } = this;
    return {
      file: { images, annotations: annotations.finish(), categories },
      positions,
      complaints: [...complaints.images.list, ...complaints.annotations.list, ...complaints.categories.list],
      lostImages: complaints.images.lostImages,
      lostCategories: complaints.categories.lostCategories,
    };
  }

  private begin(key: string): void {
    this.open = undefined;
    if (key === 'images') {
      this.hasImages = true;
      this.images = [];
      this.take(key, readImage, this.images);
    } else if (key === 'annotations') {
      this.annotations = this.objects();
      this.take(key, readAnnotation, this.annotations);
    } else if (key === 'categories') {
      this.categories = [];
      this.take(key, readCategory, this.categories);
    }
  }

  private take<Item>(key: keyof CocoFile, read: ReadItem<Item>, items: { push(item: Item): void }): void {
    this.complaints[key] = new Complaints();
    const list = new ItemList(key, this.complaints[key], read, items);
    this.positions[key] = list.positions;
    this.open = list;
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

function invalid(source: string, problems: readonly string[]): DataError {
  return new DataError({
    code: 'coco_invalid',
    expected: `a COCO annotation file in ${source}`,
    received: counted(problems.length, 'problem'),
    fix: 'correct the fields that are named',
    problems,
  });
}
