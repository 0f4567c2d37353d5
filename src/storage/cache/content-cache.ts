/**
 * Content that was fetched, kept on disk (Node) or in the browser's own storage, so that a second epoch, or the
 * next run, asks no network. Bytes only: no addresses, no tokens.
 *
 *     <folder>/<digest of the place>/<2 digits>/<digest of path and version>
 *
 * - **Several processes or tabs** share the folder. An entry appears whole by a rename, its name says what it
 *   holds, so two writers write the same; whoever reads an entry that another one just removed finds it missing
 *   and fetches it.
 * - **Bounded.** Above the limit places that were not used for longest go first, within a place what was read or
 *   written longest ago. What the present run reads of the place that needs room stays: an epoch that is larger
 *   than the cache would otherwise push out each picture shortly before it comes to its turn again.
 * - **Checked.** See `entry.ts`.
 * - **Never in the way.** A disk that is full or read-only ends the writing, which is said once, and nothing else.
 */
import { type DirectoryEntry, files } from '#platform';
import { entryName, packEntry, unpackEntry } from './entry.ts';

export interface ContentCacheOptions {
  readonly folder: string;
  /** In bytes. Less where the disk has less: at most half of what would be free without the cache. */
  readonly limit: number;
  /** Told once when nothing more can be kept. */
  readonly onTrouble?: ((message: string) => void) | undefined;
}

/** What the cache did. */
export interface CacheStatistics {
  hits: number;
  misses: number;
  /** Entries that were not whole, and were fetched again. */
  corrupted: number;
  written: number;
  evicted: number;
}

/** The limit is looked after when this share of it was written since the last time. */
const shareBetweenScans = 0.05;
/** Bytes that may wait for the disk. */
const mostUnwritten = 64 << 20;
/** Room is made to this share of the limit, so that not every entry has to make room. */
const shareAfterScan = 0.9;

export class ContentCache {
  readonly statistics: CacheStatistics = { hits: 0, misses: 0, corrupted: 0, written: 0, evicted: 0 };
  private readonly options: ContentCacheOptions;
  private limit: number;
  /** Milliseconds since 1970 at which this process used entries. */
  private readonly used = new Map<string, number>();
  private readonly groups = new Map<string, Promise<string>>();
  /** Bytes in the folder when it was last looked at, and what was written since. */
  private known: number | undefined;
  private sinceScan = 0;
  private scanning: Promise<void> | undefined;
  private broken = false;
  private unwritten = 0;
  /** What waits for the disk can be read all the same. */
  private readonly writing = new Map<
    string,
    { readonly packed: Promise<Uint8Array>; readonly done: Promise<void> }
  >();
  /** Nothing could be thrown away when room was made last. */
  private full = false;

  constructor(options: ContentCacheOptions) {
    this.options = options;
    this.limit = options.limit;
  }

  /**
   * What is kept under these words; undefined when it is not there or not whole.
   *
   * @param place the volume; @param what path, version and part, everything that decides about the bytes
   */
  async read(place: string, what: readonly string[]): Promise<Uint8Array | undefined> {
    const waiting = this.writing.get(JSON.stringify([place, what]));
    const path = await this.pathOf(place, what);
    const file = waiting ? await waiting.packed : await readIfThere(path);
    const content = file && (await unpackEntry(file));
    if (content) {
      this.statistics.hits++;
      this.used.set(keyOf(path), Date.now());
      return content;
    }
    this.statistics.misses++;
    if (file) {
      this.statistics.corrupted++;
      await files.remove(path).catch(() => undefined);
    }
    return undefined;
  }

  /**
   * Keeps content, where there is room; never fails. Resolves at once, or, when much waits for the disk, when that
   * is written. The content may change or move to another thread after the call.
   */
  async write(place: string, what: readonly string[], content: Uint8Array): Promise<void> {
    if (this.broken) return;
    const key = JSON.stringify([place, what]);
    const packed = packEntry(content);
    this.unwritten += content.length;
    const done = this.writeEntry(place, what, packed).finally(() => {
      this.unwritten -= content.length;
      this.writing.delete(key);
    });
    this.writing.set(key, { packed, done });
    if (this.unwritten > mostUnwritten) await done;
  }

  /** Waits for what is being written. */
  async settled(): Promise<void> {
    await Promise.all(Array.from(this.writing.values(), ({ done }) => done));
    await this.scanning;
  }

  private async writeEntry(
    place: string,
    what: readonly string[],
    packed: Promise<Uint8Array>,
  ): Promise<void> {
    try {
      const [path, file] = await Promise.all([this.pathOf(place, what), packed]);
      if (!(await this.hasRoom(path, file.length))) return;
      await files.write(path, file, { durable: false });
      this.used.set(keyOf(path), Date.now());
      this.sinceScan += file.length;
      this.statistics.written++;
    } catch (error) {
      if (this.broken) return;
      this.broken = true;
      const reason = error instanceof Error ? error.message : String(error);
      this.options.onTrouble?.(`What is fetched is no longer kept in ${this.options.folder}: ${reason}`);
    }
  }

  private async pathOf(place: string, what: readonly string[]): Promise<string> {
    const [folder, name] = await Promise.all([this.groupOf(place), entryName(what)]);
    return `${folder}/${name.slice(0, 2)}/${name.slice(2)}`;
  }

  /** The folder of a place, which is marked as used now. */
  private groupOf(place: string): Promise<string> {
    const known = this.groups.get(place);
    if (known) return known;
    const group = entryName([place]).then(async (name) => {
      const folder = `${this.options.folder}/${name.slice(0, 24)}`;
      await files.write(`${folder}/used`, '', { durable: false }).catch(() => undefined);
      return folder;
    });
    this.groups.set(place, group);
    return group;
  }

  private async hasRoom(path: string, length: number): Promise<boolean> {
    const { limit } = this;
    if (length > limit / 10) return false;
    const due = this.known === undefined || this.sinceScan + length > limit * shareBetweenScans;
    const isAbove = (): boolean => (this.known ?? 0) + this.sinceScan + length > this.limit;
    if (due || (isAbove() && !this.full)) {
      this.scanning ??= this.makeRoom(keyOf(path).split('/')[0]!).finally(() => {
        this.scanning = undefined;
      });
    }
    // To count a hundred thousand entries takes its time: nobody waits for it while there is room.
    if (isAbove()) await this.scanning;
    return !isAbove();
  }

  /** Counts what lies in the folder, others' entries too, and throws away what is above the limit. */
  private async makeRoom(group: string): Promise<void> {
    const { folder } = this.options;
    const before = this.sinceScan;
    const groups = await foldersIn(folder);
    const found = (await Promise.all(groups.map(entriesOf))).flat();
    let total = found.reduce((sum, { size }) => sum + size, 0);
    const free = await files.freeBytes(folder).catch(() => Number.POSITIVE_INFINITY);
    const limit = Math.min(this.options.limit, (total + free) / 2);
    this.limit = limit;
    this.full = false;
    if (total > limit * (1 - shareBetweenScans)) {
      const idle = found.filter(({ path, group: own }) => own !== group || !this.used.has(keyOf(path)));
      const lastUse = ({ path, written }: Found): number =>
        Math.max(written, this.used.get(keyOf(path)) ?? 0);
      idle.sort((a, b) => a.groupUsed - b.groupUsed || lastUse(a) - lastUse(b));
      for (const { path, size } of idle) {
        if (total <= limit * shareAfterScan) break;
        await files.remove(path).catch(() => undefined);
        this.used.delete(keyOf(path));
        this.statistics.evicted++;
        total -= size;
      }
      this.full = total > limit * shareAfterScan;
    }
    this.known = total;
    // What was written meanwhile may have been counted or not.
    this.sinceScan -= before;
  }
}

/** To look first costs less than an error that explains what is missing. */
async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return (await files.stat(path)) && (await files.read(path));
  } catch {
    return undefined;
  }
}

interface Found {
  readonly path: string;
  readonly group: string;
  /** When a run last opened the place, and when the entry was written. */
  readonly groupUsed: number;
  readonly written: number;
  readonly size: number;
}

async function entriesOf({ path: folder, name: group }: DirectoryEntry): Promise<Found[]> {
  const found: Found[] = [];
  const groupUsed = (await files.stat(`${folder}/used`).catch(() => undefined))?.modified ?? 0;
  for (const part of await foldersIn(folder)) {
    const entries = await files.list(part.path).catch(() => []);
    for (const { path, size, modified } of entries) {
      found.push({ path, group, groupUsed, written: modified, size });
    }
  }
  return found;
}

async function foldersIn(folder: string): Promise<DirectoryEntry[]> {
  const entries = await files.list(folder).catch(() => []);
  return entries.filter(({ isDirectory }) => isDirectory);
}

/** The last three parts of an entry's path: a listing may spell the folder in another way. */
function keyOf(path: string): string {
  return path.split(/[/\\]/).slice(-3).join('/');
}
