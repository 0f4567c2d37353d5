/**
 * What an evaluation remembers of the images that it has seen: per kept detection a score, its rank inside its
 * group and the match bits, and nothing else (about 44 bytes with default parameters). Columns grow by
 * doubling; images may come in any order, `compute` sorts them by id.
 */

export class Ledger {
  entryCount = 0;
  scores = new Float64Array(1024);
  /** Position by descending score inside the group: below 10 it counts for maxDets = 10. */
  ranks = new Uint32Array(1024);
  /** [entries × areas × words]. */
  matched: Uint32Array;
  ignored: Uint32Array;

  groupCount = 0;
  groupCategories = new Uint32Array(256);
  /** First entry of each group; its last is where the next group starts. */
  groupStarts = new Uint32Array(257);

  readonly imageIds: (number | string)[] = [];
  /** First group of each image. */
  private imageStarts = new Uint32Array(257);

  /** `stride` = areas × words. */
  constructor(readonly stride: number) {
    this.matched = new Uint32Array(1024 * stride);
    this.ignored = new Uint32Array(1024 * stride);
  }

  beginImage(id: number | string): void {
    this.imageIds.push(id);
    if (this.imageStarts.length <= this.imageIds.length) this.imageStarts = doubled(this.imageStarts);
    this.imageStarts[this.imageIds.length] = this.groupCount;
  }

  /** Room for a group of `count` entries; returns its first entry. */
  addGroup(category: number, count: number): number {
    const start = this.entryCount;
    while (this.scores.length < start + count) {
      this.scores = doubled(this.scores);
      this.ranks = doubled(this.ranks);
      this.matched = doubled(this.matched);
      this.ignored = doubled(this.ignored);
    }
    if (this.groupCategories.length <= this.groupCount) this.groupCategories = doubled(this.groupCategories);
    if (this.groupStarts.length <= this.groupCount + 1) this.groupStarts = doubled(this.groupStarts);
    this.groupCategories[this.groupCount++] = category;
    this.entryCount += count;
    this.groupStarts[this.groupCount] = this.entryCount;
    this.imageStarts[this.imageIds.length] = this.groupCount;
    return start;
  }

  /** Entry indices per category: images ascending by id, inside an image by rank. */
  entriesByCategory(categoryCount: number): Uint32Array[] {
    const counts = new Uint32Array(categoryCount);
    for (let group = 0; group < this.groupCount; group++) {
      counts[this.groupCategories[group]!]! += this.groupStarts[group + 1]! - this.groupStarts[group]!;
    }
    const entries = Array.from(counts, (count) => new Uint32Array(count));
    const filled = new Uint32Array(categoryCount);
    for (const image of this.imagesAscending()) {
      for (let group = this.imageStarts[image]!; group < this.imageStarts[image + 1]!; group++) {
        const category = this.groupCategories[group]!;
        const target = entries[category]!;
        for (let entry = this.groupStarts[group]!; entry < this.groupStarts[group + 1]!; entry++) {
          target[filled[category]!++] = entry;
        }
      }
    }
    return entries;
  }

  /** Positions of the images in ascending order of their ids; numbers before text. */
  imagesAscending(): number[] {
    const ids = this.imageIds;
    return ids
      .map((_, position) => position)
      .sort((a, b) => {
        const x = ids[a]!;
        const y = ids[b]!;
        if (typeof x === 'number' && typeof y === 'number') return x - y;
        if (typeof x === 'number') return -1;
        if (typeof y === 'number') return 1;
        return x < y ? -1 : x > y ? 1 : 0;
      });
  }
}

function doubled<T extends Float64Array | Uint32Array>(array: T): T {
  const larger = new (array.constructor as new (length: number) => T)(array.length * 2);
  larger.set(array);
  return larger;
}
