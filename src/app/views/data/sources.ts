/** From what a user picked, dropped or named to data of the recipe. */
import { httpFolder, type Picked, pickedFiles } from '../../../client/index.ts';
import { ConfigError, RemoteError } from '../../../core/index.ts';
import type { App } from '../../state.ts';

/** Reads what was picked and writes it into the recipe; returns what to tell the user. */
export async function useData(app: App, picked: Picked): Promise<string> {
  const { setup, client, notices } = app;
  const folder = setup.addPlace(picked);
  const { data, task, split } = await client.worker.arrangeData(folder, setup.places.peek());
  const before = setup.reading.peek()?.recipe?.model.task_type;
  await setup.edit([
    ...Object.entries(data).map(([key, value]) => ({ path: ['data', key], value: value ?? undefined })),
    ...(before === task ? [] : [{ path: ['model', 'task_type'], value: task }]),
  ]);
  if (before !== task) {
    const monitored = setup.reading.peek()?.get(['training', 'monitor_metric']);
    if (monitored !== undefined)
      await setup.edit([{ path: ['training', 'monitor_metric'], value: undefined }]);
    notices.show({
      key: 'task',
      tone: 'info',
      title: task === 'detection' ? 'These pictures have boxes' : 'These pictures have one class each',
      text: `The recipe learns ${task} now. Choose a model that can do it.`,
      actions: [
        {
          label: 'Choose a model',
          run: () => {
            notices.dismiss('task');
            location.hash = '#/model';
          },
        },
      ],
    });
  }
  return split
    ? `${picked.name}: one in five pictures is kept for validation`
    : `${picked.name}: training and validation pictures were found`;
}

/** Larger archives don't fit into a page's memory. */
const largestDownload = 1e9;

/** A folder with an `index.json`, or a zip archive, behind an address. */
export async function fetchData(address: string, onProgress: (share: number) => void): Promise<Picked> {
  const url = urlOf(address);
  if (!/\.zip$/i.test(url.pathname)) return httpFolder(url.href);
  const response = await fetch(url).catch((cause: unknown) => {
    throw unreachable(url, 'no answer that this page may read', cause);
  });
  if (!response.ok || !response.body) throw unreachable(url, `status ${response.status}`);
  const size = Number(response.headers.get('content-length') ?? 0);
  if (size > largestDownload) throw tooLarge(url, size);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let received = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    received += value.byteLength;
    if (received > largestDownload) {
      await reader.cancel();
      throw tooLarge(url, received);
    }
    if (size > 0) onProgress(received / size);
  }
  return pickedFiles([new File(chunks, url.pathname.split('/').at(-1)!, { type: 'application/zip' })]);
}

function urlOf(address: string): URL {
  const url = URL.canParse(address.trim()) ? new URL(address.trim()) : undefined;
  if (url?.protocol === 'https:' || url?.hostname === 'localhost' || url?.hostname === '127.0.0.1')
    return url;
  throw new ConfigError({
    code: 'address_invalid',
    expected: 'an https address of a zip archive, or of a folder with an index.json',
    received: address.trim() === '' ? 'nothing' : address,
    fix: 'write it in full: https://example.org/pictures.zip',
  });
}

function unreachable(url: URL, received: string, cause?: unknown): RemoteError {
  return new RemoteError({
    code: 'download_failed',
    expected: `the archive ${url.href}`,
    received,
    fix: 'check the address; its server must allow other pages to read it (CORS). Otherwise download it and drop it here',
    cause,
  });
}

function tooLarge(url: URL, size: number): ConfigError {
  return new ConfigError({
    code: 'archive_too_large',
    expected: `an archive of at most ${largestDownload / 1e9} GB at ${url.href}`,
    received: `${(size / 1e9).toFixed(1)} GB`,
    fix: 'download it, unpack it, and pick the folder: folders are read where they lie, however large',
  });
}
