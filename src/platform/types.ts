/**
 * The seam between browser and Node: what both must offer. Nothing outside this room asks where it runs.
 * `#platform` resolves to `node/` or `browser/` by the package's import conditions.
 */
import type { Raster, Size } from '../core/index.ts';

export interface DirectoryEntry {
  readonly name: string;
  readonly path: string;
  readonly isDirectory: boolean;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

/** Files of this machine (Node) or of this origin (browser, OPFS). Paths are absolute or relative to the working folder. */
export interface Files {
  /** With `links: 'refuse'` a path whose last part is a symbolic link is an error `file_is_link`. */
  read(
    path: string,
    range?: { start: number; end: number },
    options?: { readonly links?: 'follow' | 'refuse' },
  ): Promise<Uint8Array>;
  /**
   * Written beside and renamed: the file appears whole or not at all. Folders are made. With `durable: false` a
   * power cut may lose or spoil it: for what can be had again, and is checked when it is read.
   */
  write(path: string, bytes: Uint8Array | string, options?: { readonly durable?: boolean }): Promise<void>;
  append(path: string, bytes: Uint8Array | string): Promise<void>;
  /** What lies in a folder, in ascending order of the names; links are followed, half-written files left out. */
  list(path: string): Promise<DirectoryEntry[]>;
  stat(path: string): Promise<DirectoryEntry | undefined>;
  remove(path: string): Promise<void>;
  /** Atomic where the system can; replaces a folder of that name. */
  rename(from: string, to: string): Promise<void>;
  /**
   * The same bytes under a second name; may share storage (a hard link where the system can, else a copy), so it
   * is for files that are only ever replaced as a whole. Replaces what is there.
   */
  copy(from: string, to: string): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  /** The path with every symbolic link resolved, or undefined when nothing is there. */
  realPath(path: string): Promise<string | undefined>;
  /** What may still be written below a path, in bytes. */
  freeBytes(path: string): Promise<number>;
}

/**
 * A picture's bytes to 8-bit RGB: EXIF orientation applied (unless told to ignore it), grey repeated, alpha
 * dropped, the first frame of an animation. Bytes that are no whole picture are a `DataError` `image_unreadable`.
 */
export type DecodeImage = (
  bytes: Uint8Array,
  options?: { readonly orientation?: 'apply' | 'ignore' },
) => Promise<Raster>;

/** What a picture's header says. Height and width are those after the EXIF orientation, `stored` before. */
export interface ImageInfo extends Size {
  readonly format: string;
  readonly stored: Size;
  /** EXIF: 1 = upright, 2–8 = mirrored or turned. */
  readonly orientation: number;
}

/** Reads a picture's header only. */
export type InspectImage = (bytes: Uint8Array) => Promise<ImageInfo>;

/** RGB to a file's bytes. */
export type EncodeImage = (image: Raster, format: 'png' | 'jpeg' | 'webp') => Promise<Uint8Array>;

/** WebGPU as this environment offers it. `close` lets go of it, so that the process can end. */
export interface GpuAccess {
  readonly gpu: GPU;
  /** What offers it: `Dawn (npm webgpu 0.6.2)`, `the browser`. */
  readonly provider: string;
  close(): void;
}

/** WebGPU, or why there is none (a library that is missing, a browser without it). */
export type OpenGpu = () => Promise<{ readonly access: GpuAccess } | { readonly missing: string }>;

/** The machine, as far as choosing a device and reporting about it needs to know. */
export interface Machine {
  /** `Linux 6.1 x64`, or the browser and what it runs on. */
  readonly system: string;
  /** The processor's name and its logical cores. */
  readonly processor: string;
  readonly cores: number;
  /** Versions of what runs tensors here, so that a measurement is repeated when they change. */
  readonly versions: string;
  /** What to install for WebGPU on this system, as a sentence. */
  readonly gpuAdvice: string;
}

/** Small JSON notes that outlive the process, for this machine (Node) or origin. Failures are not errors. */
export interface MachineNotes {
  read(name: string): Promise<unknown>;
  write(name: string, value: unknown): Promise<void>;
}

/** How busy the machine is. */
export interface SystemUsage {
  /** All cores together, 0–100. */
  readonly cpuPercent: number;
  readonly memoryMegabytes: number;
  readonly memoryPercent: number;
  readonly diskPercent: number;
  /** Resident memory of this process. */
  readonly processMegabytes: number;
}

/** What drawing needs of Canvas 2D; both a browser's context and Skia's in Node have it. */
export type Canvas2D = Pick<
  OffscreenCanvasRenderingContext2D,
  | 'fillStyle'
  | 'strokeStyle'
  | 'lineWidth'
  | 'lineJoin'
  | 'globalAlpha'
  | 'font'
  | 'textBaseline'
  | 'textAlign'
  | 'save'
  | 'restore'
  | 'beginPath'
  | 'closePath'
  | 'moveTo'
  | 'lineTo'
  | 'arc'
  | 'rect'
  | 'fill'
  | 'stroke'
  | 'clip'
  | 'fillRect'
  | 'strokeRect'
  | 'fillText'
> & { measureText(text: string): { readonly width: number } };

/** A picture to draw on. */
export interface Canvas {
  readonly context: Canvas2D;
  /** What it shows now; transparent places show black. */
  read(): Raster;
}

/** A canvas of that size, showing the picture when it is given one. Text in `canvasFont` always has glyphs. */
export type OpenCanvas = (image: Raster | Size) => Canvas;

/** Of a short text, in UTF-8. */
export type Sha256 = (text: string) => Uint8Array | Promise<Uint8Array>;
export type Hmac = (key: Uint8Array, text: string) => Uint8Array | Promise<Uint8Array>;
