/** All splits of a recipe in shards: a folder per split, which a recipe then names instead of the files. */
import { ConfigError, type SplitName } from '../../core/index.ts';
import { openDataCache } from '../../storage/index.ts';
import { readRawDataset } from '../read.ts';
import type { DataSettings } from '../settings.ts';
import { type Packed, packShards } from './pack.ts';

export interface ShardOptions {
  /** The place that gets a folder per split. */
  readonly out: string;
  /** Whether objects must have boxes. */
  readonly needsBoxes: boolean;
  /** Bytes from which a shard is full (100 MB). */
  readonly shardBytes?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (split: SplitName, done: number, total: number) => void;
}

export interface ShardedSplit extends Packed {
  readonly split: SplitName;
  /** For `data.<split>_data_path`. */
  readonly path: string;
}

/** The order in which training pictures are dealt to shards. */
const dealingSeed = 1;

export async function shardDataset(data: DataSettings, options: ShardOptions): Promise<ShardedSplit[]> {
  const { out, needsBoxes, shardBytes, signal, onProgress } = options;
  const sharded: ShardedSplit[] = [];
  const cache = data.cache ? openDataCache() : undefined;
  for (const split of ['train', 'val', 'test'] as const) {
    const place = data[`${split}_data_path`];
    if (place === undefined || place === null) continue;
    const path = `${out.replace(/\/+$/, '')}/${split}`;
    if (place.replace(/\/+$/, '') === path) throw ontoThemselves(path);
    const annotationFile = data[`${split}_annotation_file`] ?? undefined;
    const raw = await readRawDataset({
      place,
      annotationFile,
      format: data.format,
      needsBoxes,
      signal,
      cache,
    });
    const packed = await packShards({
      raw,
      out: path,
      shuffle: split === 'train' ? dealingSeed : undefined,
      shardBytes,
      signal,
      onProgress: (done, total) => onProgress?.(split, done, total),
    });
    sharded.push({ split, path, ...packed });
  }
  return sharded;
}

function ontoThemselves(path: string): ConfigError {
  return new ConfigError({
    code: 'shards_onto_themselves',
    expected: 'another folder for the shards than the one that is packed',
    received: path,
    fix: 'give another --out',
  });
}
