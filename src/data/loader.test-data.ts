/** What the loader's tests share: processors, generated data, pictures whose bytes are not what they should be. */
import type { Augmentation } from '../config/index.ts';
import {
  type Batch,
  type DataSettings,
  type Dataset,
  type Loader,
  type LoaderOptions,
  openDataset,
} from './index.ts';

export const vit = { image_processor_type: 'ViTImageProcessor', size: { height: 32, width: 32 } };
export const detr = {
  image_processor_type: 'DetrImageProcessor',
  size: { shortest_edge: 48, longest_edge: 96 },
};
export const augmentations: Augmentation[] = [
  { type: 'horizontal_flip', p: 0.5 },
  { type: 'rotation', degrees: 15, p: 0.5 },
  { type: 'color_jitter', brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.1, p: 0.5 },
];

const shapes = (images: number): DataSettings => ({
  train_data_path: `sample:shapes?images=${images}&seed=1&size=48`,
  val_data_path: 'sample:shapes?images=10&seed=2&size=48',
});
export const openShapes = (images: number, task: 'classification' | 'detection' = 'classification') =>
  openDataset(shapes(images), 'train', { task });

export async function options(extra: Partial<LoaderOptions> = {}): Promise<LoaderOptions> {
  const dataset = extra.dataset ?? (await openShapes(50));
  return { dataset, task: 'classification', processorConfig: vit, batchSize: 8, seed: 5, ...extra };
}

export async function collect(loader: Loader, epoch = 0, cursor = 0): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of loader.epoch(epoch, cursor)) batches.push(batch);
  return batches;
}

/** A data set whose bytes come from `read`. */
export const withBytes = (
  dataset: Dataset,
  read: (index: number) => Promise<Uint8Array> | undefined,
): Dataset => ({
  ...dataset,
  open: (record) => {
    const source = dataset.open(record);
    const index = dataset.records.indexOf(record);
    const changed = (range?: { start: number; end: number }, signal?: AbortSignal) =>
      read(index) ?? source.read(range, signal);
    return { ...source, elsewhere: undefined, read: changed };
  },
});
export const broken =
  (...indices: number[]) =>
  (index: number): Promise<Uint8Array> | undefined =>
    indices.includes(index) ? Promise.resolve(new TextEncoder().encode('no picture')) : undefined;
