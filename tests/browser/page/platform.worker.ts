/** The browser's platform in a worker, for tests to call. Pictures and files travel as base64. */
import { expose } from 'comlink';
import {
  decodeImage,
  encodeImage,
  files,
  inspectImage,
  type MountSource,
  mount,
  openCanvas,
  openGpu,
  unmount,
} from '../../../src/platform/browser/index.ts';

const toBytes = (text: string): Uint8Array => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

function toText(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

type Failure = {
  readonly failure: { readonly code: string; readonly received: string; readonly fix: string };
};

/** Errors as data: what matters is their code and words. */
async function told<Value>(work: () => Promise<Value>): Promise<Value | Failure> {
  try {
    return await work();
  } catch (error) {
    const { code, received, hint, message } = error as Record<string, string>;
    return { failure: { code: code ?? '', received: received ?? message ?? '', fix: hint ?? '' } };
  }
}

const service = {
  decode: (bytes: string, orientation: 'apply' | 'ignore' = 'apply') =>
    told(async () => {
      const { height, width, data } = await decodeImage(toBytes(bytes), { orientation });
      return { height, width, data: toText(data) };
    }),
  inspect: (bytes: string) => told(() => inspectImage(toBytes(bytes))),
  encode: async (height: number, width: number, data: string, format: 'png' | 'jpeg' | 'webp') =>
    toText(await encodeImage({ height, width, data: toBytes(data) }, format)),
  draw: async () => {
    const canvas = openCanvas({ height: 4, width: 4 });
    canvas.context.fillStyle = '#ff0000';
    canvas.context.fillRect(0, 0, 2, 4);
    return [...canvas.read().data];
  },
  gpu: async () => {
    const found = await openGpu();
    return 'missing' in found ? found.missing : found.access.provider;
  },
  read: (path: string, range?: { start: number; end: number }) =>
    told(async () => new TextDecoder().decode(await files.read(path, range))),
  write: (path: string, content: string) => told(() => files.write(path, content)),
  /** Zeros. */
  writeLarge: (path: string, bytes: number) => told(() => files.write(path, new Uint8Array(bytes))),
  append: (path: string, content: string) => told(() => files.append(path, content)),
  appendMany: (path: string, count: number) =>
    told(async () => {
      await Promise.all(Array.from({ length: count }, (_, i) => files.append(path, `${i}\n`)));
    }),
  list: (path: string) => told(async () => (await files.list(path)).map(({ name }) => name)),
  stat: (path: string) =>
    told(async () => {
      const entry = await files.stat(path);
      return entry && { isDirectory: entry.isDirectory, size: entry.size };
    }),
  remove: (path: string) => told(() => files.remove(path)),
  rename: (from: string, to: string) => told(() => files.rename(from, to)),
  copy: (from: string, to: string) => told(() => files.copy(from, to)),
  free: () => files.freeBytes('/'),
  mount: (path: string, source: MountSource) => told(() => mount(path, source)),
  unmount: async (path: string) => unmount(path),
};

export type PlatformService = typeof service;

expose(service);
