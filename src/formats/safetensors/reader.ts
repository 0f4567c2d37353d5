/**
 * Reads tensors out of a safetensors file, or out of several with their `model.safetensors.index.json`, by
 * ranges: a file of gigabytes, far away, costs the memory of one tensor at a time.
 */
import { toFloat32, toFloat64 } from './elements.ts';
import { badFile, type Dtype, headerLength, parseHeader, type TensorEntry } from './header.ts';

/** What is needed of a file; a `ByteSource` of a volume is one. */
export interface RangeSource {
  readonly path: string;
  size(): Promise<number>;
  read(range?: { start: number; end: number }, signal?: AbortSignal): Promise<Uint8Array>;
}

export interface TensorInfo {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** Named tensors, wherever their bytes are. */
export interface TensorFile {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
  /** The values as float32, row by row. */
  read(name: string, signal?: AbortSignal): Promise<Float32Array>;
  /** The values as doubles: for integers and float64. */
  readExact(name: string, signal?: AbortSignal): Promise<Float64Array>;
}

/** Opens one file: reads and checks its header, no tensor yet. */
export async function openSafetensors(source: RangeSource, signal?: AbortSignal): Promise<TensorFile> {
  const size = await source.size();
  const prefix = await source.read({ start: 0, end: Math.min(8, size) }, signal);
  const length = headerLength(source.path, prefix, size);
  const text = await source.read({ start: 8, end: 8 + length }, signal);
  const { tensors, metadata } = parseHeader(source.path, text, size);
  const bytesOf = async (name: string, stop?: AbortSignal): Promise<[TensorEntry, Uint8Array]> => {
    const entry = tensors.get(name);
    if (!entry) throw badFile(source.path, `a tensor ${name}`, `${tensors.size} others`);
    if (entry.start === entry.end) return [entry, new Uint8Array(0)];
    const bytes = await source.read({ start: entry.start, end: entry.end }, stop);
    if (bytes.length !== entry.end - entry.start) {
      throw badFile(source.path, `${entry.end - entry.start} bytes for ${name}`, `${bytes.length}`);
    }
    return [entry, bytes];
  };
  return {
    tensors,
    metadata,
    read: async (name, stop) => {
      const [{ dtype }, bytes] = await bytesOf(name, stop);
      return toFloat32(dtype, bytes);
    },
    readExact: async (name, stop) => {
      const [{ dtype }, bytes] = await bytesOf(name, stop);
      return toFloat64(dtype, bytes);
    },
  };
}

/**
 * Opens the shards that an index names. `open` gives the file of a name in the index's folder. A tensor that the
 * index promises and its shard lacks is an error; shards are opened one after the other.
 */
export async function openShards(
  index: { readonly path: string; readonly json: unknown },
  open: (fileName: string) => RangeSource | Promise<RangeSource>,
  signal?: AbortSignal,
): Promise<TensorFile> {
  const { weight_map: weightMap } = (index.json ?? {}) as { weight_map?: unknown };
  const valid =
    typeof weightMap === 'object' &&
    weightMap !== null &&
    Object.values(weightMap).every((file) => typeof file === 'string' && isPlainName(file));
  if (!valid) throw badFile(index.path, 'a weight_map of file names', JSON.stringify(weightMap) ?? 'none');
  const fileOf = new Map(Object.entries(weightMap as Record<string, string>));
  const shards = new Map<string, TensorFile>();
  for (const fileName of [...new Set(fileOf.values())].sort()) {
    shards.set(fileName, await openSafetensors(await open(fileName), signal));
  }
  const tensors = new Map<string, TensorInfo>();
  for (const [name, fileName] of fileOf) {
    const info = shards.get(fileName)!.tensors.get(name);
    if (!info) throw badFile(fileName, `the tensor ${name}, as ${index.path} says,`, 'none of that name');
    tensors.set(name, info);
  }
  const shardOf = (name: string): TensorFile => {
    const shard = shards.get(fileOf.get(name) ?? '');
    if (!shard) throw badFile(index.path, `a tensor ${name}`, `${tensors.size} others`);
    return shard;
  };
  return {
    tensors,
    metadata: [...shards.values()][0]?.metadata ?? {},
    read: (name, stop) => shardOf(name).read(name, stop),
    readExact: (name, stop) => shardOf(name).readExact(name, stop),
  };
}

/** A file beside the index: no path that leads elsewhere. */
const isPlainName = (name: string): boolean => !/[/\\]/.test(name) && name !== '..' && name !== '';

/** A file that is in memory already. */
export function memorySource(path: string, bytes: Uint8Array): RangeSource {
  return {
    path,
    size: async () => bytes.length,
    read: async (range) => (range ? bytes.subarray(range.start, range.end) : bytes),
  };
}
