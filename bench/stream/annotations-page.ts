/**
 * The large annotation file in a page: served over HTTP by ranges, read by the app's worker in Chromium, while a
 * trace tells how long the page's main thread was busy at a time (its own time: what other processes take of a
 * busy machine does not count).
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openChromium } from '../../tests/browser/support/chromium.ts';
import { tinyRecipe } from '../../tests/browser/support/recipe.ts';
import { openSite } from '../../tests/browser/support/site.ts';
import { mainThreadTasks, traceCategories } from '../../tests/browser/support/trace.ts';
import { writeAnnotationFile } from './annotation-file.ts';

export interface ReadInPage {
  readonly seconds: number;
  readonly longest_task_ms: number;
  /** Images that the page found in it. */
  readonly images: number;
}

export async function readInPage(path: string): Promise<ReadInPage> {
  const folder = await mkdtemp(join(tmpdir(), 'ocelli-annotations-'));
  const val = join(folder, 'val.json');
  await writeAnnotationFile(val, 1e-4);
  const server = await serve(new Map([['/train.json', path]]).set('/val.json', val));
  const site = await openSite();
  const browser = await openChromium({ webgpu: false });
  try {
    const tab = await browser.newPage();
    await tab.goto(site.url);
    await tab.waitForFunction(() => 'ocelli' in window);
    const place = (split: string): string =>
      `${split}_data_path: ${server.url}/${split}\n  ${split}_annotation_file: ${server.url}/${split}.json`;
    const recipe = tinyRecipe()
      .replace('task_type: classification', 'task_type: detection')
      .replace(/train_data_path: .*/, place('train'))
      .replace(/val_data_path: .*/, `${place('val')}\n  cache: false`);
    await browser.startTracing(tab, { categories: traceCategories });
    const start = performance.now();
    const described = (await tab.evaluate(
      (recipe) => window.ocelli.outcomeOf(window.ocelli.client.worker.describeData({ recipe, places: {} })),
      recipe,
    )) as { readonly value?: { readonly splits: { readonly train: { readonly images: number } } } };
    const seconds = (performance.now() - start) / 1000;
    const [longest] = mainThreadTasks(await browser.stopTracing());
    if (longest === undefined) throw new Error('the trace has no task of the main thread');
    if (!described.value) throw new Error(`the page did not read it: ${JSON.stringify(described)}`);
    return { seconds, longest_task_ms: longest, images: described.value.splits.train.images };
  } finally {
    await browser.close();
    await site.close();
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Files by their paths, by ranges, to pages of any origin. */
async function serve(
  files: ReadonlyMap<string, string>,
): Promise<{ readonly url: string; readonly close: () => void }> {
  const server = createServer(async (request, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Access-Control-Allow-Headers', '*');
    response.setHeader('Access-Control-Expose-Headers', '*');
    const file = files.get(request.url!);
    if (request.method === 'OPTIONS') return response.writeHead(204).end();
    if (file === undefined) return response.writeHead(404).end();
    const { size } = await stat(file);
    const [, from = '0', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const start = Number(from);
    const end = to === '' ? size - 1 : Math.min(size - 1, Number(to));
    response.writeHead(request.headers.range === undefined ? 200 : 206, {
      ETag: `"${size}"`,
      'Content-Length': end - start + 1,
      ...(request.headers.range !== undefined && { 'Content-Range': `bytes ${start}-${end}/${size}` }),
    });
    return createReadStream(file, { start, end }).pipe(response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
