/**
 * Annotations and predictions as a Parquet table, one row an object, which Spark reads as it is:
 *
 *     image_id, file_name, width, height, category_id, bbox list<double>[4], segmentation, iscrowd, score
 *
 * An image without objects is a row whose category is null. Masks are COCO's JSON as text. What COCO knows beside
 * that follows in further columns (`id`, `area`, `category_name`, `keypoints`), so that nothing is lost on the way
 * to a table and back; tables without them are read as well. Category names also stand in the file's metadata.
 */
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { DataError, OcelliError } from '../../core/index.ts';
import { CocoColumnsBuilder, type CocoColumnsFile } from './columns.ts';
import { Complaints, readAnnotation, readCategory, readImage } from './items.ts';
import type { CocoCategory, CocoId, CocoImage, CocoReading } from './types.ts';

/** One row, by the names of its columns. */
export interface TableRow {
  readonly image_id: CocoId;
  readonly file_name: string;
  readonly width: number;
  readonly height: number;
  readonly category_id?: number | undefined;
  readonly bbox?: readonly number[] | undefined;
  readonly segmentation?: unknown;
  readonly iscrowd?: boolean | undefined;
  readonly score?: number | undefined;
  readonly id?: number | undefined;
  readonly area?: number | undefined;
  readonly category_name?: string | undefined;
  readonly keypoints?: readonly number[] | undefined;
}

/** Bytes of a table, by ranges. */
export interface TableSource {
  readonly size: number;
  read(start: number, end: number): Promise<Uint8Array>;
}

/** Rows that are encoded, or decoded, at a time. */
const groupLength = 50_000;
const mostRowsPerByte = 1000;
const categoriesKey = 'ocelli.categories';

type Schema = ConstructorParameters<typeof ParquetWriter>[0]['schema'];

const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const;
const optional = { repetition_type: 'OPTIONAL' } as const;
const required = { repetition_type: 'REQUIRED' } as const;
const listOf = (name: string): Schema => [
  { name, converted_type: 'LIST', num_children: 1, ...optional },
  { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
  { name: 'element', type: 'DOUBLE', ...required },
];

const schemaOf = (idsAreNumbers: boolean): Schema => [
  { name: 'schema', num_children: 13 },
  { name: 'image_id', ...(idsAreNumbers ? ({ type: 'INT64' } as const) : text), ...required },
  { name: 'file_name', ...text, ...required },
  { name: 'width', type: 'INT32', ...required },
  { name: 'height', type: 'INT32', ...required },
  { name: 'category_id', type: 'INT64', ...optional },
  ...listOf('bbox'),
  { name: 'segmentation', ...text, ...optional },
  { name: 'iscrowd', type: 'INT32', ...optional },
  { name: 'score', type: 'DOUBLE', ...optional },
  { name: 'id', type: 'INT64', ...optional },
  { name: 'area', type: 'DOUBLE', ...optional },
  { name: 'category_name', ...text, ...optional },
  ...listOf('keypoints'),
];

const columns = [
  ...['image_id', 'file_name', 'width', 'height', 'category_id', 'bbox', 'segmentation', 'iscrowd', 'score'],
  ...['id', 'area', 'category_name', 'keypoints'],
] as const;

/** Rows are encoded by groups as they come: what grows is the file alone. */
export class TableWriter {
  private readonly bytes = new ByteWriter();
  private readonly writer: ParquetWriter;
  private readonly names: ReadonlyMap<number, string>;
  private rows: TableRow[] = [];

  /** @param idsAreNumbers whether every image id is a whole number; else they are written as texts */
  constructor(
    categories: readonly Pick<CocoCategory, 'id' | 'name' | 'supercategory'>[],
    private readonly idsAreNumbers: boolean,
  ) {
    this.names = new Map(categories.map(({ id, name }) => [id, name]));
    const value = JSON.stringify(
      categories.map(({ id, name, supercategory }) => ({
        id,
        name,
        ...(supercategory && { supercategory }),
      })),
    );
    this.writer = new ParquetWriter({
      writer: this.bytes,
      schema: schemaOf(idsAreNumbers),
      kvMetadata: [{ key: categoriesKey, value }],
      createdBy: 'ocelli',
    });
  }

  add(row: TableRow): void {
    this.rows.push(row);
    if (this.rows.length >= groupLength) this.flush();
  }

  finish(): Uint8Array {
    this.flush();
    void this.writer.finish();
    return new Uint8Array(this.bytes.getBuffer());
  }

  private flush(): void {
    if (this.rows.length === 0) return;
    const { rows } = this;
    this.rows = [];
    const columnData = columns.map((name) => ({ name, data: rows.map((row) => this.cell(row, name)) }));
    void this.writer.write({ columnData, rowGroupSize: groupLength });
  }

  private cell(row: TableRow, name: (typeof columns)[number]): unknown {
    switch (name) {
      case 'image_id':
        return this.idsAreNumbers ? BigInt(row.image_id) : String(row.image_id);
      case 'category_id':
      case 'id':
        return row[name] === undefined ? null : BigInt(row[name]);
      case 'segmentation':
        return row.segmentation === undefined ? null : JSON.stringify(row.segmentation);
      case 'iscrowd':
        return row.iscrowd === undefined ? null : Number(row.iscrowd);
      case 'category_name':
        return row.category_name ?? this.names.get(row.category_id ?? Number.NaN) ?? null;
      default:
        return row[name] ?? null;
    }
  }
}

/** Whether ids can be written as numbers. */
export const areNumbers = (ids: Iterable<CocoId>): boolean => {
  for (const id of ids) if (typeof id !== 'number') return false;
  return true;
};

/**
 * Reads a table as an annotation file. Complaints name the row (`rows[17].bbox`).
 *
 * @param source its name, for messages
 * @throws DataError for what is no Parquet file, and for a table without these columns
 */
export async function readCocoTable(
  { size, read }: TableSource,
  source: string,
): Promise<CocoReading<CocoColumnsFile>> {
  const file: AsyncBuffer = {
    byteLength: size,
    slice: async (start, end = size) => {
      const bytes = await read(start < 0 ? size + start : start, end);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    },
  };
  try {
    return await readTable(file, source);
  } catch (error) {
    // Ours are those of reading the bytes; the library knows no class of its own.
    if (!(error instanceof Error) || error instanceof OcelliError || error.name === 'AbortError') throw error;
    throw new DataError({
      code: 'table_invalid',
      expected: `a Parquet file, compressed by Snappy or not at all, in ${source}`,
      received: error.message,
      fix: 'write the table again, for example with Spark and its default compression',
      cause: error,
    });
  }
}

async function readTable(file: AsyncBuffer, source: string): Promise<CocoReading<CocoColumnsFile>> {
  const metadata = await parquetMetadataAsync(file);
  const present = new Set(metadata.schema.map(({ name }) => name));
  const missing = ['image_id', 'file_name', 'category_id'].filter((name) => !present.has(name));
  if (missing.length > 0) throw withoutColumns(source, missing, [...present]);
  const rows = rowsOf(metadata, file.byteLength);
  const table = new TableReader();
  for (let start = 0; start < rows; start += groupLength) {
    const options = { rowStart: start, rowEnd: Math.min(rows, start + groupLength) };
    const wanted = columns.filter((name) => present.has(name));
    for (const row of await parquetReadObjects({ file, metadata, columns: wanted, ...options }))
      table.add(row);
  }
  const named = metadata.key_value_metadata?.find(({ key }) => key === categoriesKey)?.value;
  return table.finish(named === undefined ? undefined : (JSON.parse(named) as unknown[]));
}

/** Checked before it is believed: a spoiled footer may announce more rows than a lifetime is long. */
function rowsOf({ num_rows, row_groups }: FileMetaData, size: number): number {
  let rows = 0;
  for (const group of row_groups) {
    for (const { meta_data: column } of group.columns) {
      const start = Number(column?.dictionary_page_offset ?? column?.data_page_offset ?? 0);
      const end = start + Number(column?.total_compressed_size ?? 0);
      if (!(start >= 0 && end >= start && end <= size)) throw new Error('a column outside of the file');
    }
    rows += Number(group.num_rows);
  }
  if (rows !== Number(num_rows)) throw new Error(`${num_rows} rows announced, ${rows} in the row groups`);
  // Ids and names of files don't repeat without end: a byte holds some rows at most.
  if (!(rows >= 0 && rows <= size * mostRowsPerByte)) throw new Error(`${rows} rows in ${size} bytes`);
  return rows;
}

type Row = Readonly<Record<string, unknown>>;

class TableReader {
  private readonly images = new Map<CocoId, CocoImage>();
  private readonly objects = new CocoColumnsBuilder();
  private readonly complaints = new Complaints();
  private readonly names = new Map<number, string | undefined>();
  private readonly positions: number[] = [];
  private readonly imagePositions: number[] = [];
  private met = 0;

  add(row: Row): void {
    const position = this.met++;
    const path = (): string => `rows[${position}]`;
    const imageId = plain(row.image_id) as CocoId;
    if (!this.images.has(imageId)) {
      const item = {
        id: imageId,
        file_name: row.file_name,
        width: plain(row.width) ?? 0,
        height: plain(row.height) ?? 0,
      };
      const image = readImage(item, path, this.complaints);
      if (image) {
        this.images.set(imageId, image);
        this.imagePositions.push(position);
      }
    }
    if (row.category_id === null || row.category_id === undefined) return;
    const object = readAnnotation(objectOf(row), path, this.complaints);
    if (!object) return;
    this.objects.push(object);
    this.positions.push(position);
    const name = typeof row.category_name === 'string' ? row.category_name : undefined;
    if (name !== undefined || !this.names.has(object.category_id)) this.names.set(object.category_id, name);
  }

  finish(named: readonly unknown[] | undefined): CocoReading<CocoColumnsFile> {
    const { complaints } = this;
    const known = (named ?? []).flatMap(
      (item, i) => readCategory(item as Row, () => `categories[${i}]`, complaints) ?? [],
    );
    const listed = new Set(known.map(({ id }) => id));
    const others = [...this.names].filter(([id]) => !listed.has(id)).sort(([a], [b]) => a - b);
    const categories = [...known, ...others.map(([id, name]) => ({ id, name: name ?? `category ${id}` }))];
    return {
      file: { images: [...this.images.values()], annotations: this.objects.finish(), categories },
      positions: {
        images: this.imagePositions,
        annotations: this.positions,
        categories: categories.map((_, i) => i),
      },
      complaints: complaints.list,
      lostImages: complaints.lostImages,
      lostCategories: complaints.lostCategories,
    };
  }
}

/** COCO's object, as its JSON would have it. */
function objectOf(row: Row): Row {
  const { segmentation, iscrowd } = row;
  const bbox = row.bbox === null ? undefined : Array.isArray(row.bbox) ? row.bbox.map(plain) : row.bbox;
  const keypoints = Array.isArray(row.keypoints) ? row.keypoints.map(plain) : undefined;
  return {
    ...(row.id !== null && row.id !== undefined && { id: plain(row.id) }),
    image_id: plain(row.image_id),
    category_id: plain(row.category_id),
    bbox,
    area: plain(row.area),
    iscrowd: plain(iscrowd) ?? 0,
    segmentation: typeof segmentation === 'string' ? parsed(segmentation) : segmentation,
    keypoints,
  };
}

/** 64-bit numbers come as BigInt. */
const plain = (value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : (value ?? undefined));

/** A mask's text; what is no JSON is left to whoever complains about it. */
function parsed(segmentation: string): unknown {
  if (segmentation === '') return undefined;
  try {
    return JSON.parse(segmentation) as unknown;
  } catch {
    return segmentation;
  }
}

function withoutColumns(source: string, missing: readonly string[], present: readonly string[]): DataError {
  return new DataError({
    code: 'table_columns',
    expected: `the columns ${columns.slice(0, 9).join(', ')} in ${source}`,
    received: `none of ${missing.join(', ')} among ${present.slice(1, 20).join(', ')}`,
    fix: 'name the columns so; `ocelli data convert` writes such a table',
  });
}
