/**
 * What the page asks of the widget's worker, and what comes back. Plain data, Blobs and bitmaps; tensors never leave the
 * worker. Answers hold everything that the model said, so that threshold, labels and the number of classes shown can
 * change without another run.
 */

/** Where a model's files are. */
export type ModelPlace =
  /** A folder behind HTTP; ends with a slash. */
  | { readonly kind: 'url'; readonly url: string }
  /** A repository of the Hugging Face hub, or of a server with its layout. */
  | {
      readonly kind: 'hub';
      readonly id: string;
      readonly revision: string;
      /** `https://huggingface.co`. */
      readonly endpoint: string;
    }
  /** Files of this machine, by their paths inside of the folder. */
  | { readonly kind: 'files'; readonly name: string; readonly files: Readonly<Record<string, Blob>> };

/** Where a bundler has put the files of the npm package that the worker fetches when there is work. */
export interface PartAddresses {
  /** Scripts of onnxruntime-web: without WebGPU, with it, and with it where WebAssembly can suspend itself. */
  readonly runtimes: Readonly<Record<'wasm' | 'webgpu' | 'jspi', string>>;
  /** Their WebAssembly files. */
  readonly binaries: Readonly<Record<'wasm' | 'webgpu' | 'jspi', string>>;
  /** The pipelines of transformers.js. */
  readonly pipelines: string;
}

export interface OpenRequest {
  readonly place: ModelPlace;
  /** `classification`, `detection`, or a pipeline of transformers.js; left out: what `config.json` says. */
  readonly task?: string | undefined;
  /** `auto`: WebGPU where the browser has an adapter, else WebAssembly. */
  readonly device: 'auto' | 'webgpu' | 'wasm';
  readonly dtype: 'fp32' | 'fp16';
  /** Whether the model may be recorded and replayed on the GPU; a page that had a trap does without. */
  readonly record: boolean;
  /** Files above this are refused, in bytes. */
  readonly maxBytes: number;
  /** Left out: they lie beside the worker. */
  readonly parts?: PartAddresses | undefined;
}

/** How far opening a model is. */
export interface Progress {
  readonly phase: 'model' | 'runtime';
  /** The file under way. */
  readonly file?: string | undefined;
  readonly received?: number | undefined;
  /** Left out where the server does not say it. */
  readonly total?: number | undefined;
  readonly cached?: boolean | undefined;
}

export interface OpenedModel {
  readonly handle: number;
  readonly task: string;
  /** Names in the order of the model's labels; empty where a pipeline names them itself. */
  readonly classes: readonly string[];
  /** What computes, for people: `onnxruntime on webgpu`. */
  readonly runtime: string;
  readonly device: 'webgpu' | 'wasm';
  /** Whose pre- and postprocessing it is. */
  readonly path: 'ocelli' | 'transformers.js';
}

/** One thing that the model sees. Boxes in pixels of the picture, not clipped. */
export interface Finding {
  readonly label: string;
  /** The position of its class in the model; −1 where a pipeline names it alone. */
  readonly index: number;
  /** 0 … 1; undefined where a pipeline gives none. */
  readonly score?: number | undefined;
  readonly box?: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** One byte a pixel of the picture: how much it belongs to this finding, 0 … 255. */
  readonly mask?: PixelMask;
}

export interface PixelMask {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export interface Answer {
  /** The picture's size, upright. */
  readonly width: number;
  readonly height: number;
  /** Best first for classes; in the model's order for objects. */
  readonly findings: readonly Finding[];
  /** What a pipeline of another kind said: text, numbers. */
  readonly output?: unknown;
  /** A picture that a pipeline made (depth, a mask without classes). */
  readonly picture?: { readonly width: number; readonly height: number; readonly rgba: Uint8ClampedArray };
  /** The file's picture, to be shown: it was decoded for the model anyway. */
  readonly bitmap?: ImageBitmap;
  readonly times: Times;
}

/** Milliseconds. */
export interface Times {
  readonly decode: number;
  readonly prepare: number;
  readonly model: number;
  readonly total: number;
}

/** What the worker holds, for tests and for people who look. */
export interface WorkerState {
  readonly models: number;
  readonly sessions: readonly {
    readonly device: string;
    readonly captured: boolean;
    readonly capture: string;
  }[];
}

export interface WidgetService {
  /** The same model opened twice is one model; each handle is closed for itself. `ticket`: a number for `cancel`. */
  open(request: OpenRequest, listener: (progress: Progress) => void, ticket: number): Promise<OpenedModel>;
  /** Ends the wait for a model; what nobody else waits for is not fetched any further. */
  cancel(ticket: number): Promise<void>;
  /** `candidates`: the classes that a zero-shot pipeline tells apart. A bitmap is closed. */
  predict(handle: number, picture: Blob | ImageBitmap, candidates: readonly string[]): Promise<Answer>;
  close(handle: number): Promise<void>;
  state(): Promise<WorkerState>;
}
