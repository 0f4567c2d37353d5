/**
 * The peer's page: a pipeline of transformers.js as its documentation shows it, on the page itself. Its runtime's files
 * come from this host instead of a CDN, so that both contenders read from the same place.
 */
import { env, pipeline, RawImage } from '@huggingface/transformers';

const settings = new URLSearchParams(location.search);
const device = settings.get('device') as 'webgpu' | 'wasm';

env.allowLocalModels = true;
env.allowRemoteModels = false;
env.localModelPath = '/models/';
env.useBrowserCache = false;
// Left to itself it takes them from jsdelivr.net.
Object.assign(env.backends.onnx.wasm ?? {}, { wasmPaths: undefined });

const task = settings.get('task') as 'image-classification';
const opened = pipeline(task, settings.get('model')!, { device, dtype: 'fp32' });

async function look(picture: Blob): Promise<unknown> {
  const pipe = await opened;
  return pipe(await RawImage.fromBlob(picture));
}

async function first(): Promise<number> {
  await look(await (await fetch('/picture.jpg')).blob());
  return performance.now();
}

Object.assign(window, { look, first: first() });
