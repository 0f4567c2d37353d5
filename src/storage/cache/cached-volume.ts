/**
 * A far volume whose content is kept. What is fresh is decided by the versions (ETag, size and time) of one listing
 * of the folder, which is made when the volume is opened, while the model loads; a file that the listing doesn't
 * have is read as if there were no cache.
 *
 * Small files are kept whole, large ones (shards, annotation files) in blocks, of which a range asks for those
 * that it touches; missing blocks that lie beside each other are fetched by one request.
 */
import { DataError } from '../../core/index.ts';
import type { ByteSource, Entry, Volume } from '../volume.ts';
import type { ContentCache } from './content-cache.ts';

type Range = { readonly start: number; readonly end: number };
type Version = Pick<Entry, 'size' | 'version'>;

const blockLength = 1 << 20;
/** Bytes of a range that are taken for there as they are listed. */
const mostBelieved = 64 << 20;

/**
 * @param prefix the folder, or file, of the volume that will be read: what is listed
 * @param onTrouble told, once for a volume, when the folder can't be listed, and nothing is kept therefore
 */
export function cachedVolume(
  volume: Volume,
  prefix: string,
  cache: ContentCache,
  onTrouble?: (message: string) => void,
): Volume {
  const versions = listed(volume, prefix).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    if (onTrouble) {
      tellOnce(
        onTrouble,
        volume.location,
        `What is read from ${volume.location} is not kept, because it can't be listed: ${reason}`,
      );
    }
    return new Map<string, Version>();
  });
  return {
    location: volume.location,
    list: (below, signal) => volume.list(below, signal),
    write: (path, bytes, options) => volume.write(path, bytes, options),
    remove: (path) => volume.remove(path),
    ...(volume.sign && { sign: (path: string, signal?: AbortSignal) => volume.sign!(path, signal) }),
    open(path) {
      const source = volume.open(path);
      return {
        path: source.path,
        fresh: source,
        size: async () => (await versions).get(path)?.size ?? source.size(),
        async read(range, signal) {
          const version = (await versions).get(path);
          signal?.throwIfAborted();
          if (!version) return source.read(range, signal);
          return new CachedFile(volume.location, source, version, cache).read(range, signal);
        },
      };
    },
  };
}

/** Which places a listener has heard of: the splits of a data set lie in one, in folders of their own. */
const told = new WeakMap<(message: string) => void, Set<string>>();

function tellOnce(listener: (message: string) => void, location: string, message: string): void {
  const places = told.get(listener) ?? new Set();
  told.set(listener, places);
  if (places.has(location)) return;
  places.add(location);
  listener(message);
}

async function listed(volume: Volume, prefix: string): Promise<Map<string, Version>> {
  const versions = new Map<string, Version>();
  for await (const { path, size, version } of volume.list(prefix)) versions.set(path, { size, version });
  return versions;
}

class CachedFile {
  constructor(
    private readonly place: string,
    private readonly source: ByteSource,
    private readonly version: Version,
    private readonly cache: ContentCache,
  ) {}

  async read(range: Range | undefined, signal?: AbortSignal): Promise<Uint8Array> {
    const { size } = this.version;
    const { start, end } = range ?? { start: 0, end: size };
    if (start < 0 || end < start || end > size) throw outside(this.source.path, start, end, size);
    if (size > 2 * blockLength) return this.readBlocks(start, end, signal);
    const kept = await this.cache.read(this.place, this.words('whole'));
    if (kept) return range ? kept.slice(start, end) : kept;
    // Who looks at the head of a small file will want the rest.
    const bytes = await this.source.read(undefined, signal);
    if (range && end > bytes.length) throw outside(this.source.path, start, end, bytes.length);
    // What another server says of its size is not what was listed: no version to keep it under.
    if (bytes.length === size) await this.cache.write(this.place, this.words('whole'), bytes);
    return range ? bytes.slice(start, end) : bytes;
  }

  private async readBlocks(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    // A listing may lie: its size is not believed, and no memory taken for it, before the last byte was there.
    if (end - start > mostBelieved) await this.readBlocks(end - 1, end, signal);
    const bytes = new Uint8Array(end - start);
    const first = Math.floor(start / blockLength);
    const last = Math.ceil(end / blockLength);
    const kept = await Promise.all(
      Array.from({ length: Math.max(0, last - first) }, (_, i) =>
        this.cache.read(this.place, this.words(`block ${first + i}`)),
      ),
    );
    const put = (block: number, content: Uint8Array): void => {
      const at = block * blockLength;
      const from = Math.max(start, at);
      const to = Math.min(end, at + content.length);
      bytes.set(content.subarray(from - at, to - at), from - start);
    };
    for (let block = first; block < last; block++) {
      const content = kept[block - first];
      if (content) {
        put(block, content);
        continue;
      }
      let next = block + 1;
      while (next < last && !kept[next - first]) next++;
      const missing = { start: block * blockLength, end: Math.min(this.version.size, next * blockLength) };
      const fetched = await this.source.read(missing, signal);
      for (; block < next; block++) {
        const from = block * blockLength - missing.start;
        const part = fetched.subarray(from, from + blockLength);
        put(block, part);
        await this.cache.write(this.place, this.words(`block ${block}`), part);
      }
      block--;
    }
    return bytes;
  }

  private words(part: string): readonly string[] {
    return [this.source.path, this.version.version, String(this.version.size), part];
  }
}

function outside(path: string, start: number, end: number, size: number): DataError {
  return new DataError({
    code: 'range_outside_file',
    expected: `bytes ${start} to ${end} of ${path}`,
    received: `a file of ${size} bytes`,
    fix: 'the file is shorter than it says: write it again',
  });
}
