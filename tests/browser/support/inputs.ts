/** Pictures and folders for the app as users bring them, and the recipe of a run of seconds with the model of the page. */
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import type { Page } from 'playwright-core';
import { drawShapes } from '../../../src/data/sample/shapes.ts';
import { encodeImage } from '../../../src/platform/node/index.ts';

/** Contents by their paths. */
export type Files = Readonly<Record<string, Uint8Array>>;

export const picture = (index: number, size = 48): Promise<Uint8Array> =>
  encodeImage(drawShapes(index, { seed: 5, size, classes: 2, objects: 1 }), 'png');

/** Class folders of pictures in two splits: `train/circle/0.png`, …; 16 to train on and 8 to validate with. */
export async function classFolders(): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const [split, count, seed] of [
    ['train', 16, 1],
    ['val', 8, 2],
  ] as const) {
    for (let i = 0; i < count; i++) {
      const image = drawShapes(i, { seed, size: 32, classes: 2, objects: 1 });
      files.set(`${split}/${['circle', 'cross'][i % 2]}/${i}.png`, await encodeImage(image, 'png'));
    }
  }
  return files;
}

/** Writes files below `scratch/name`; returns that folder. */
export async function onDisk(scratch: string, name: string, files: Files): Promise<string> {
  const root = join(scratch, name);
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), bytes);
  }
  return root;
}

export interface Host {
  readonly port: number;
  close(): void;
}

/** A web server that has these files, by their paths, for pages of any origin; files may be added while it runs. */
export async function hostOf(files: ReadonlyMap<string, Uint8Array>): Promise<Host> {
  const server = createServer((request, response) => {
    const bytes = files.get(decodeURIComponent(new URL(request.url!, 'http://host').pathname));
    response.writeHead(bytes ? 200 : 404, { 'Access-Control-Allow-Origin': '*' });
    response.end(bytes ?? 'not found');
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** What a file manager does: files or folders of the disk over the page, let go on an element. */
export async function dropPaths(page: Page, onto: string, files: readonly string[]): Promise<void> {
  const element = page.locator(onto).first();
  // Drops go to a place of the window: what is there has to stand still.
  await element.click({ trial: true });
  const { x, y, width, height } = (await element.boundingBox())!;
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  const at = { x: x + width / 2, y: y + height / 4, data };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, ...at });
  }
  await session.detach();
}

export const shortRecipe = `model:
  model_name: /picked/figures-resnet
  task_type: classification
data:
  train_data_path: sample:shapes?images=64&classes=3&seed=1
  val_data_path: sample:shapes?images=16&classes=3&seed=2
  batch_size: 16
  num_workers: 0
training:
  max_epochs: 1
  learning_rate: 1e-3
mlflow:
  run_name: short
output:
  visualization: { save_images: false }
`;
