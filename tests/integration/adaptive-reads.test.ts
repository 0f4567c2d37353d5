/**
 * A run finds out by itself how many pictures to read at a time: its loader, as its recipe makes it and nothing else, goes
 * beyond what it begins with where the network is far, and stays there where it is near.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseRecipe } from '../../src/config/index.ts';
import { openDataset } from '../../src/data/index.ts';
import { drawShapes } from '../../src/data/sample/shapes.ts';
import { encodeImage } from '../../src/platform/node/index.ts';
import { trainingLoader } from '../../src/runs/loaders.ts';
import { FileServer } from '../support/file-server.ts';
import { tinyRecipe } from '../support/recipes.ts';

const pictures = 400;
let web: FileServer;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-adaptive-'));
  web = await FileServer.start();
  const picture = await encodeImage(drawShapes(1, { seed: 1, size: 16, classes: 2, objects: 1 }), 'png');
  const index = [];
  for (let i = 0; i < pictures; i++) {
    const path = `${['circle', 'cross'][i % 2]}/${i}.png`;
    web.files.set(`set/${path}`, picture);
    index.push({ path, size: picture.length, etag: String(i) });
  }
  web.files.set('set/index.json', new TextEncoder().encode(JSON.stringify(index)));
});
afterAll(async () => {
  await web?.dispose();
  await rm(folder, { recursive: true, force: true });
});

test('the loader of a run reads as many pictures at a time as the distance rewards', async () => {
  const data = { train_data_path: `${web.url}/set`, val_data_path: `${web.url}/set` };
  const { recipe } = parseRecipe(tinyRecipe({ data }), { source: 'recipe.yaml' });
  const dataset = await openDataset(recipe.data, 'train', { task: 'classification' });
  // Far enough that the way is what takes time, also on a machine with other work.
  web.delay = 500;
  const loader = trainingLoader(
    {
      recipe,
      processorConfig: { image_processor_type: 'ViTImageProcessor', size: { height: 16, width: 16 } },
      threads: 0,
      onSetAside: () => {},
    },
    dataset,
  );
  try {
    let count = 0;
    for await (const batch of loader.epoch(0)) count += batch.count;
    expect(count).toBe(pictures);
    expect(loader.statistics.mostReads).toBeGreaterThan(32);
    expect(web.mostRunning).toBeGreaterThan(32);
  } finally {
    await loader.dispose();
  }
});
