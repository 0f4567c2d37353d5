/**
 * The objects of an annotation file as columns of numbers: a tenth of the memory that objects take, and a message
 * between threads moves them without a copy. An object is made when somebody asks for it.
 *
 * Coordinates are mostly written with two decimals: a block of them is kept as whole hundredths in 4 bytes where
 * that gives back the very same numbers, else in 8.
 */
import type { Segmentation } from '../rle/index.ts';
import type { CocoFile, CocoId, CocoObject } from './types.ts';

const blockLength = 1 << 15;

/** Numbers in blocks. */
export type NumberBlocks = readonly (Int32Array | Float64Array)[];

/** Plain data, for messages. */
export interface CocoColumnsData {
  readonly length: number;
  readonly ids: NumberBlocks;
  /** Ids of images where all are numbers, else texts and numbers. */
  readonly imageIds: NumberBlocks | readonly CocoId[];
  readonly categoryIds: NumberBlocks;
  /** Bits: 1 crowd, 2 box, 4 area. */
  readonly flags: NumberBlocks;
  /** Four of each object, 0 where it has none. */
  readonly boxes: NumberBlocks;
  readonly areas: NumberBlocks;
  /** Where the polygons of each object begin in `rings`, and of each of those in `points`; one more at the end. */
  readonly ringStarts: NumberBlocks;
  readonly pointStarts: NumberBlocks;
  readonly points: NumberBlocks;
  readonly keypointStarts: NumberBlocks;
  readonly keypoints: NumberBlocks;
  /** Masks as run lengths, by object: they are few. */
  readonly masks: ReadonlyMap<number, Segmentation>;
}

/** Grows by blocks. */
class Numbers {
  readonly blocks: (Int32Array | Float64Array)[] = [];
  private open = new Float64Array(blockLength);
  private filled = 0;

  get length(): number {
    return this.blocks.length * blockLength + this.filled;
  }

  push(value: number): void {
    this.open[this.filled++] = value;
    if (this.filled === blockLength) this.close();
  }

  close(): NumberBlocks {
    if (this.filled > 0) this.blocks.push(packed(this.open.subarray(0, this.filled)));
    this.filled = 0;
    return this.blocks;
  }
}

function packed(values: Float64Array): Int32Array | Float64Array {
  const hundredths = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    hundredths[i] = Math.round(values[i]! * 100);
    // -0, NaN and what is too large come back as something else, too.
    if (!Object.is(hundredths[i]! / 100, values[i])) return values.slice();
  }
  return hundredths;
}

function numberAt(blocks: NumberBlocks, position: number): number {
  const block = blocks[Math.floor(position / blockLength)]!;
  const value = block[position % blockLength]!;
  return block instanceof Int32Array ? value / 100 : value;
}

function numbersAt(blocks: NumberBlocks, start: number, end: number): number[] {
  const values: number[] = [];
  for (let i = start; i < end; i++) values.push(numberAt(blocks, i));
  return values;
}

/** Takes objects in the order of the file. */
export class CocoColumnsBuilder {
  private readonly ids = new Numbers();
  private readonly categoryIds = new Numbers();
  private readonly flags = new Numbers();
  private readonly boxes = new Numbers();
  private readonly areas = new Numbers();
  private readonly ringStarts = new Numbers();
  private readonly pointStarts = new Numbers();
  private readonly points = new Numbers();
  private readonly keypointStarts = new Numbers();
  private readonly keypoints = new Numbers();
  private readonly masks = new Map<number, Segmentation>();
  private numberIds: Numbers | undefined = new Numbers();
  private imageIds: CocoId[] = [];
  private largestId = 0;
  private withoutId = 0;

  push(object: CocoObject): void {
    const { id, image_id, category_id, bbox, area, iscrowd, segmentation, keypoints } = object;
    const position = this.ids.length;
    this.ids.push(id);
    if (Number.isNaN(id)) this.withoutId++;
    else this.largestId = Math.max(this.largestId, id);
    this.pushImageId(image_id);
    this.categoryIds.push(category_id);
    this.flags.push((iscrowd ? 1 : 0) | (bbox ? 2 : 0) | (area === undefined ? 0 : 4));
    for (let i = 0; i < 4; i++) this.boxes.push(bbox?.[i] ?? 0);
    this.areas.push(area ?? 0);
    this.ringStarts.push(this.pointStarts.length);
    if (segmentation && 'size' in segmentation) this.masks.set(position, segmentation);
    else {
      for (const ring of segmentation ?? []) {
        this.pointStarts.push(this.points.length);
        for (const value of ring) this.points.push(value);
      }
    }
    this.keypointStarts.push(this.keypoints.length);
    for (const value of keypoints ?? []) this.keypoints.push(value);
  }

  finish(): CocoColumns {
    this.ringStarts.push(this.pointStarts.length);
    this.pointStarts.push(this.points.length);
    this.keypointStarts.push(this.keypoints.length);
    return new CocoColumns({
      length: this.flags.length,
      imageIds: this.numberIds?.close() ?? this.imageIds,
      categoryIds: this.categoryIds.close(),
      flags: this.flags.close(),
      boxes: this.boxes.close(),
      areas: this.areas.close(),
      ringStarts: this.ringStarts.close(),
      pointStarts: this.pointStarts.close(),
      points: this.points.close(),
      keypointStarts: this.keypointStarts.close(),
      keypoints: this.keypoints.close(),
      masks: this.masks,
      ids: this.withIds(),
    });
  }

  /** Objects without an id get the next free ones: pycocotools and reports need them. */
  private withIds(): NumberBlocks {
    const { length } = this.ids;
    const blocks = this.ids.close();
    if (this.withoutId === 0) return blocks;
    const numbered = new Numbers();
    let next = this.largestId;
    for (let i = 0; i < length; i++) {
      const id = numberAt(blocks, i);
      numbered.push(Number.isNaN(id) ? ++next : id);
    }
    return numbered.close();
  }

  private pushImageId(id: CocoId): void {
    if (this.numberIds && typeof id === 'number') this.numberIds.push(id);
    else {
      if (this.numberIds) {
        const { length } = this.numberIds;
        this.imageIds = numbersAt(this.numberIds.close(), 0, length);
        this.numberIds = undefined;
      }
      this.imageIds.push(id);
    }
  }
}

/** What an annotation file says of its objects; read like a list. */
export class CocoColumns implements Iterable<CocoObject> {
  constructor(readonly data: CocoColumnsData) {}

  get length(): number {
    return this.data.length;
  }

  /** The buffers behind it, to move them to another thread. */
  get buffers(): ArrayBuffer[] {
    const blocks = Object.values(this.data).flatMap((column: unknown) =>
      Array.isArray(column) ? column : [],
    );
    return blocks.flatMap((block: unknown) =>
      block instanceof Int32Array || block instanceof Float64Array ? [block.buffer as ArrayBuffer] : [],
    );
  }

  imageIdAt(position: number): CocoId {
    const { imageIds } = this.data;
    return isBlocks(imageIds) ? numberAt(imageIds, position) : imageIds[position]!;
  }

  /** Ids of the categories that have objects. */
  categoriesInUse(): ReadonlySet<number> {
    const used = new Set<number>();
    for (const block of this.data.categoryIds) {
      const scale = block instanceof Int32Array ? 100 : 1;
      for (const value of new Set(block)) used.add(value / scale);
    }
    return used;
  }

  /** The object; its mask is made when it is read. */
  at(position: number): CocoObject {
    const { data } = this;
    const flags = numberAt(data.flags, position);
    const [x, y, width, height] = numbersAt(data.boxes, position * 4, position * 4 + 4);
    const keypointStart = numberAt(data.keypointStarts, position);
    const keypointEnd = numberAt(data.keypointStarts, position + 1);
    const hasMask =
      data.masks.has(position) ||
      numberAt(data.ringStarts, position + 1) > numberAt(data.ringStarts, position);
    const object: CocoObject = {
      id: numberAt(data.ids, position),
      image_id: this.imageIdAt(position),
      category_id: numberAt(data.categoryIds, position),
      iscrowd: (flags & 1) !== 0,
      ...((flags & 2) !== 0 && { bbox: [x!, y!, width!, height!] as const }),
      ...((flags & 4) !== 0 && { area: numberAt(data.areas, position) }),
      ...(keypointEnd > keypointStart && {
        keypoints: numbersAt(data.keypoints, keypointStart, keypointEnd),
      }),
    };
    if (!hasMask) return object;
    const get = (): Segmentation | undefined => this.segmentationAt(position);
    return Object.defineProperty(object, 'segmentation', { get, enumerable: true, configurable: true });
  }

  segmentationAt(position: number): Segmentation | undefined {
    const { masks, ringStarts, pointStarts, points } = this.data;
    const mask = masks.get(position);
    if (mask) return mask;
    const rings: number[][] = [];
    const end = numberAt(ringStarts, position + 1);
    for (let ring = numberAt(ringStarts, position); ring < end; ring++) {
      rings.push(numbersAt(points, numberAt(pointStarts, ring), numberAt(pointStarts, ring + 1)));
    }
    return rings.length > 0 ? rings : undefined;
  }

  *[Symbol.iterator](): Iterator<CocoObject> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

/** An annotation file with its objects in columns: for files of hundreds of MB. */
export interface CocoColumnsFile extends Omit<CocoFile, 'annotations'> {
  readonly annotations: CocoColumns;
}

const isBlocks = (ids: NumberBlocks | readonly CocoId[]): ids is NumberBlocks => typeof ids[0] === 'object';
