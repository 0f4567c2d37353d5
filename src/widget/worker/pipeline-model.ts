/**
 * What our own path does not know, by a pipeline of transformers.js. This file, and with it the library, is loaded only
 * then. It runs on the onnxruntime that is there already, and gets its files from us (cache, limits, chosen folders), so
 * nothing is fetched from a place that the page did not name.
 */
import { env, pipeline, RawImage } from '@huggingface/transformers';
import { CheckpointError, ConfigError } from '../../core/index.ts';
import type { Answer, Finding, OpenedModel, OpenRequest } from '../protocol.ts';
import type { WidgetFiles } from './files.ts';
import { pipelineOf } from './tasks.ts';
import { onnxFile, readWeights, type Weights } from './weights.ts';
import type { WidgetModel } from './widget-model.ts';

/** Names below this address are files of the model; nothing is ever asked of it. */
const host = 'https://model.invalid/';

/** A file; undefined: there is none. */
type Bytes = Uint8Array<ArrayBuffer> | undefined;

type Pipe = ((image: RawImage, ...more: unknown[]) => Promise<unknown>) & { dispose(): Promise<unknown> };

/** One at a time: the library keeps its settings in one place. */
export async function openPipeline(
  files: WidgetFiles,
  task: string,
  device: OpenedModel['device'],
  request: OpenRequest,
  weights: Weights | undefined,
): Promise<WidgetModel> {
  const wanted = pipelineOf(task);
  configure(files, weights);
  let pipe: Pipe;
  try {
    const { dtype, external } = weights ?? { dtype: request.dtype, external: [] };
    const externalData = external.length > 0 ? { externalData: external } : {};
    const options = {
      ...{ device: 'auto', dtype, session_options: { executionProviders: [device], ...externalData } },
      // What config.json says about it names files of the library's own kind; the ONNX file itself knows them all.
      ...(external.length > 0 ? { use_external_data_format: false } : {}),
    };
    pipe = (await pipeline(wanted as never, 'model', options as never)) as unknown as Pipe;
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError({
      code: 'pipeline_failed',
      expected: `a model that the pipeline ${wanted} of transformers.js can open, in ${files.name}`,
      received: cause instanceof Error ? cause.message.slice(0, 300) : String(cause),
      fix: 'choose a repository that is made for transformers.js, or set the attribute task',
      cause,
    });
  }
  return {
    task,
    path: 'transformers.js',
    classNames: [],
    description: `transformers.js ${env.version} on ${device}`,
    device,
    lost: undefined,
    recording: { captured: false, capture: 'left out: transformers.js' },
    async predict({ data, width, height }, candidates) {
      requireCandidates(wanted, candidates);
      const prepared = performance.now();
      const image = new RawImage(data, width, height, 3);
      const output = await pipe(image, ...argumentsOf(wanted, candidates));
      return { ...understood(output), prepared };
    },
    improve: async () => {},
    dispose: async () => {
      await pipe.dispose();
    },
  };
}

function requireCandidates(wanted: string, candidates: readonly string[]): void {
  if (!wanted.startsWith('zero-shot') || candidates.length > 0) return;
  throw new ConfigError({
    code: 'labels_missing',
    expected: `labels="…, …" to tell apart: a model for ${wanted} has none of its own`,
    received: 'no labels',
    fix: 'write the classes into the attribute labels, separated by commas',
  });
}

/** Everything that was found comes back: the page filters. */
function argumentsOf(wanted: string, candidates: readonly string[]): unknown[] {
  if (wanted === 'object-detection') return [{ threshold: 0.01 }];
  if (wanted === 'image-classification') return [{ top_k: 1000 }];
  if (wanted === 'zero-shot-object-detection') return [[...candidates], { threshold: 0.01 }];
  if (wanted === 'zero-shot-image-classification') return [[...candidates]];
  return [];
}

function configure(files: WidgetFiles, weights: Weights | undefined): void {
  const known = new Map<string, Promise<Bytes>>();
  if (weights) known.set(onnxFile(weights.dtype), Promise.resolve(weights.bytes));
  const read = (path: string): Promise<Bytes> => {
    const before = known.get(path);
    if (before) return before;
    const isJson = path.endsWith('.json');
    const reading = path.startsWith('onnx/')
      ? readWeights(files, path).then((found) => found?.bytes)
      : files.read(path, { keep: !isJson, orHtml: isJson });
    known.set(path, reading);
    return reading;
  };
  Object.assign(env, {
    allowLocalModels: false,
    allowRemoteModels: true,
    useBrowserCache: false,
    useWasmCache: false,
    useFS: false,
    remoteHost: host,
    remotePathTemplate: '{model}/',
    fetch: async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
      const url = new URL(input instanceof Request ? input.url : String(input));
      const path = decodeURIComponent(url.pathname.replace(/^\/model\//, ''));
      const bytes = `${url.origin}/` === host ? await read(path) : undefined;
      if (!bytes) return new Response(null, { status: 404 });
      const length = { 'Content-Length': String(bytes.length) };
      const range = new Headers(init?.headers).get('Range');
      if (range === 'bytes=0-0') {
        const headers = { ...length, 'Content-Range': `bytes 0-0/${bytes.length}` };
        return new Response(bytes.slice(0, 1), { status: 206, headers });
      }
      // Whoever reads the body takes the last copy with it.
      if (init?.method === 'HEAD') return new Response(null, { headers: length });
      known.delete(path);
      return new Response(bytes, { headers: length });
    },
  });
}

interface Item {
  readonly label?: string | null;
  readonly score?: number | null;
  readonly box?: {
    readonly xmin: number;
    readonly ymin: number;
    readonly xmax: number;
    readonly ymax: number;
  };
  readonly mask?: RawImage;
}

/** The shapes of answers that vision pipelines give. */
function understood(output: unknown): Omit<Answer, 'times' | 'width' | 'height'> {
  const list = Array.isArray(output) ? (output as unknown[]) : [output];
  if (list.every(isItem)) return { findings: list.map((item) => findingOf(item)) };
  const [first] = list;
  const picture = first instanceof RawImage ? first : (first as { depth?: unknown } | undefined)?.depth;
  if (picture instanceof RawImage) {
    const { width, height, data } = picture.clone().rgba();
    return { findings: [], picture: { width, height, rgba: new Uint8ClampedArray(data) } };
  }
  return { findings: [], output: plain(list.length === 1 ? first : list) };
}

const isItem = (value: unknown): value is Item =>
  typeof value === 'object' && value !== null && ('label' in value || 'mask' in value);

function findingOf({ label, score, box, mask }: Item): Finding {
  return {
    label: label ?? 'no name',
    index: -1,
    ...(typeof score === 'number' ? { score } : {}),
    ...(box
      ? { box: { x: box.xmin, y: box.ymin, width: box.xmax - box.xmin, height: box.ymax - box.ymin } }
      : {}),
    ...(mask ? { mask: { width: mask.width, height: mask.height, data: new Uint8Array(mask.data) } } : {}),
  };
}

/** Text and numbers; tensors become their shape and values. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { dims, data } = value as { dims?: readonly number[]; data?: ArrayLike<number> };
  if (dims && data) return { shape: [...dims], data: Float32Array.from(data) };
  if (Array.isArray(value)) return value.map((entry: unknown) => plain(entry));
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, plain(entry)]));
}
