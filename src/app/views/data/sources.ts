/** From what a user picked, dropped or named to data of the recipe. */
import {
  type DataArrangement,
  httpFolder,
  mountPath,
  type Picked,
  pickedFiles,
} from '../../../client/index.ts';
import { ConfigError, counted, RemoteError } from '../../../core/index.ts';
import { wordsOf } from '../../notices.ts';
import { goTo } from '../../route.ts';
import { shippedModels } from '../../shipped.ts';
import type { App } from '../../state.ts';
import { lookAtHubModel } from '../model/hub.ts';

/** Reads what was picked and writes it into the recipe; returns what to tell the user. */
export async function useData(app: App, picked: Picked): Promise<string> {
  const folder = mountPath(picked.name);
  const arrangement = await app.client.worker.arrangeData(folder, { [folder]: picked.source });
  app.setup.addPlace(picked);
  return takeArrangement(app, picked.name, arrangement);
}

/** A folder of a volume that the gateway offers. */
export async function useVolume(app: App, place: string): Promise<string> {
  return takeArrangement(app, place, await app.client.worker.arrangeData(place));
}

async function takeArrangement(
  { setup, notices }: App,
  name: string,
  { data, task, split, setAside }: DataArrangement,
): Promise<string> {
  const before = setup.reading.peek()?.recipe?.model.task_type;
  await setup.edit([
    ...Object.entries(data).map(([key, value]) => ({ path: ['data', key], value: value ?? undefined })),
    ...(before === task ? [] : [{ path: ['model', 'task_type'], value: task }]),
  ]);
  if (before !== task) {
    const monitored = setup.reading.peek()?.get(['training', 'monitor_metric']);
    if (monitored !== undefined)
      await setup.edit([{ path: ['training', 'monitor_metric'], value: undefined }]);
    untilModelChosen(setup, () => notices.dismiss('task'));
    notices.show({
      key: 'task',
      tone: 'info',
      title: task === 'detection' ? 'These pictures have boxes' : 'These pictures have one class each',
      text: `The recipe learns ${task} now. Choose a model that can do it.`,
      actions: [{ label: 'Choose a model', run: () => toModels(notices, 'task') }],
    });
  }
  notices.dismiss('set-aside');
  if (setAside.length > 0) {
    notices.show({
      key: 'set-aside',
      tone: 'warning',
      title: `${counted(setAside.length, 'picture')} can’t be read and ${setAside.length === 1 ? 'is' : 'are'} left out`,
      details: setAside.map(({ fileName, reason }) => `${fileName}: ${reason}`),
    });
  }
  return split
    ? `${name}: one in five pictures is kept for validation`
    : `${name}: training and validation pictures were found`;
}

const annotationKeys = [
  'train_annotation_file',
  'val_annotation_file',
  'test_data_path',
  'test_annotation_file',
  'format',
];

/** A detector that is small enough for a tab; the model that comes with the page names classes. */
const smallDetector = { name: 'hustvl/yolos-tiny', title: 'YOLOS tiny (26 MB, from the Hugging Face hub)' };

/** Generated shapes, to name or to find, with a model that can do it. */
export async function useSamples(app: App, task: 'classification' | 'detection'): Promise<void> {
  const { setup, notices } = app;
  notices.dismiss('detector');
  const before = setup.reading.peek()?.recipe?.model.task_type;
  const [shipped] = shippedModels.filter((model) => model.task === task);
  if (before !== task && shipped) return setup.useShipped(shipped);
  const options = task === 'detection' ? 'images=480&classes=5&size=128&objects=3' : 'images=960&classes=5';
  const validation = options.replace(/images=\d+/, 'images=100');
  await setup.edit([
    { path: ['data', 'train_data_path'], value: `sample:shapes?${options}&seed=1` },
    { path: ['data', 'val_data_path'], value: `sample:shapes?${validation}&seed=2` },
    ...annotationKeys.map((key) => ({ path: ['data', key], value: undefined })),
  ]);
  if (before === task) return;
  await setup.edit([
    { path: ['model', 'task_type'], value: task },
    { path: ['model', 'model_name'], value: smallDetector.name },
    { path: ['model', 'pretrained'], value: undefined },
    { path: ['model', 'config'], value: undefined },
    { path: ['model', 'image_size'], value: 128 },
    { path: ['data', 'batch_size'], value: 4 },
    { path: ['training', 'learning_rate'], value: 1e-4 },
    { path: ['training', 'gradient_clip_val'], value: 0.1 },
    { path: ['training', 'monitor_metric'], value: undefined },
  ]);
  notices.toast(`To find shapes the model is now ${smallDetector.title}`);
  await lookForDetector(app);
}

/** Boxes need a pretrained detector: better said now than when the run begins. */
async function lookForDetector({ hub, setup, notices }: App): Promise<void> {
  try {
    await lookAtHubModel(hub.peek(), smallDetector.name);
  } catch (error) {
    untilModelChosen(setup, () => notices.dismiss('detector'));
    notices.show({
      key: 'detector',
      tone: 'warning',
      title: 'The pretrained detector can’t be fetched',
      text: `${wordsOf(error).text} Naming the shapes works without a connection; from random weights a detector needs hours until its boxes fit.`,
      why: wordsOf(error).why,
      actions: [{ label: 'Choose another model', run: () => toModels(notices, 'detector') }],
    });
  }
}

/** Out of the way of the models, and in the list until one is chosen. */
function toModels(notices: App['notices'], notice: string): void {
  notices.putAway(notice);
  goTo('model');
}

/** What asks for another model is true as long as the recipe names the one that it names now. */
function untilModelChosen({ reading }: App['setup'], forget: () => void): void {
  const nameOf = (): unknown => reading.value?.get(['model', 'model_name']);
  const before = nameOf();
  const stop = reading.subscribe(() => {
    const name = nameOf();
    // A text that is no YAML for a moment names none.
    if (name === before || name === undefined) return;
    forget();
    stop();
  });
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
