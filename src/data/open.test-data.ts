/** What the tests of data sets share: a folder for each test, and small splits in it. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { encodeImage } from '#platform';
import type { DataSettings, DatasetOptions } from './index.ts';

export let root: string;

/** An empty folder for each test. */
export function useFolder(): void {
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'ocelli-data-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));
}

export const detection: DatasetOptions = { task: 'detection' };
export const classification: DatasetOptions = { task: 'classification' };

export async function put(path: string, content: string | Uint8Array | object): Promise<string> {
  const place = join(root, path);
  await mkdir(dirname(place), { recursive: true });
  const plain = typeof content === 'string' || content instanceof Uint8Array;
  await writeFile(place, plain ? content : JSON.stringify(content));
  return place;
}
export const picture = (width = 20, height = 10): Promise<Uint8Array> =>
  encodeImage({ width, height, data: new Uint8Array(width * height * 3).fill(90) }, 'png');

export const images = [
  { id: 11, file_name: 'a.png', width: 20, height: 10 },
  { id: 12, file_name: 'b.png', width: 20, height: 10 },
];
export const categories = [
  { id: 7, name: 'dog' },
  { id: 3, name: 'cat' },
];
export const box = { id: 1, image_id: 11, category_id: 7, bbox: [1, 2, 3, 4], area: 12, iscrowd: 0 };
export const settings = (extra: Partial<DataSettings> = {}): DataSettings => ({
  train_data_path: join(root, 'train'),
  val_data_path: join(root, 'val'),
  ...extra,
});

export async function putSplit(
  split: string,
  file: object = { images, categories, annotations: [box] },
): Promise<void> {
  await put(`${split}/a.png`, await picture());
  await put(`${split}/b.png`, await picture());
  await put(`${split}/annotations.json`, file);
}
