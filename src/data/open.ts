/**
 * From the recipe's `data` section to data sets. Classes are those of the training split; the other splits are mapped onto them by name.
 */
import { ConfigError, type SplitName } from '../core/index.ts';
import { type ContentCache, openDataCache } from '../storage/index.ts';
import { assembleDataset } from './assemble.ts';
import { readRawDataset } from './read.ts';
import type { DataSettings, DatasetOptions } from './settings.ts';
import type { Dataset } from './types.ts';

/** The splits of a run. There is a test split only where the recipe names one. */
export interface Splits {
  readonly train: Dataset;
  readonly val: Dataset;
  readonly test?: Dataset;
}

/**
 * One split.
 *
 * @throws ConfigError when the recipe doesn't name it; DataError for everything that is wrong with the files
 */
export async function openDataset(
  data: DataSettings,
  split: SplitName,
  options: DatasetOptions,
): Promise<Dataset> {
  const place = data[`${split}_data_path`];
  if (place === undefined || place === null) {
    throw new ConfigError({
      code: 'split_not_configured',
      expected: `data.${split}_data_path`,
      received: 'nothing',
      fix: `name the ${split} images in the recipe, or choose another split`,
    });
  }
  const raw = await readRawDataset({
    place,
    annotationFile: data[`${split}_annotation_file`] ?? undefined,
    format: data.format,
    needsBoxes: options.task !== 'classification',
    signal: options.signal,
    cache: cacheOf(data, options),
    onWarning: options.onWarning,
  });
  return assembleDataset(raw, {
    ...options,
    multiLabel: data.multi_label ?? false,
    fraction: split === 'train' ? (data.fraction ?? 1) : 1,
    maxBadFraction: data.max_bad_fraction ?? 0.05,
  });
}

/** All splits of a run, with the classes of the training split. */
export async function openSplits(data: DataSettings, options: DatasetOptions): Promise<Splits> {
  const cache = cacheOf(data, options);
  const shared = { ...options, ...(cache && { cache }) };
  const train = await openDataset(data, 'train', shared);
  const others = { ...shared, classes: train.classes };
  const val = await openDataset(data, 'val', others);
  if (data.test_data_path === undefined || data.test_data_path === null) return { train, val };
  return { train, val, test: await openDataset(data, 'test', others) };
}

function cacheOf(data: DataSettings, { cache, onWarning }: DatasetOptions): ContentCache | undefined {
  return cache ?? (data.cache ? openDataCache(onWarning) : undefined);
}
