/** Pictures and folders as people hand them over: dropped, pasted, chosen, by address. */
import { DataError, RemoteError } from '../../core/index.ts';
import { readPieces } from '../pieces.ts';

export type Handed =
  | { readonly kind: 'picture'; readonly picture: Blob }
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'folder'; readonly files: readonly FolderFile[] };

export interface FolderFile {
  /** Inside of what was handed over. */
  readonly path: string;
  readonly file: File;
}

/** A picture above this is hardly one, and is not fetched. */
const largestPicture = 100e6;

/** Must be called in the event itself: what it holds is gone after it. Undefined: nothing of use. */
export function handedOver(data: DataTransfer): Promise<Handed | undefined> {
  const items = [...data.items].filter(({ kind }) => kind === 'file');
  const entries = items.flatMap((item) => item.webkitGetAsEntry() ?? []);
  const files = [...data.files];
  const address = data
    .getData('text/uri-list')
    .split(/\r?\n/)
    .find((line) => line !== '' && !line.startsWith('#'));
  return (async () => {
    if (entries.some((entry) => entry.isDirectory)) {
      return { kind: 'folder', files: (await Promise.all(entries.map(filesBelow))).flat() };
    }
    // A model's files, several at once.
    if (files.some((file) => file.name === 'config.json')) {
      return { kind: 'folder', files: files.map((file) => ({ path: pathOf(file), file })) };
    }
    const picture = files.find((file) => file.type.startsWith('image/')) ?? files[0];
    if (picture) return { kind: 'picture', picture };
    return address === undefined ? undefined : { kind: 'address', address };
  })();
}

/** Loose files of a model lie where `onnx/` would be missing. */
const pathOf = ({ name }: File): string => name;

/** @throws DataError `picture_not_copied` when there is none, or when the page may not look */
export async function pictureOfClipboard(): Promise<Blob> {
  let received = 'no picture';
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((name) => name.startsWith('image/'));
      if (type !== undefined) return await item.getType(type);
      received = item.types.join(', ') || received;
    }
  } catch (cause) {
    received = cause instanceof Error ? cause.message : String(cause);
  }
  throw new DataError({
    code: 'picture_not_copied',
    expected: 'a picture that was copied before',
    received,
    fix: 'copy a picture and allow the page to paste it, or choose one instead',
  });
}

export function chosenFolder(files: Iterable<File>): FolderFile[] {
  return [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

async function filesBelow(entry: FileSystemEntry): Promise<FolderFile[]> {
  const path = entry.fullPath.replace(/^\//, '');
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    return [{ path, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: FolderFile[] = [];
  for (;;) {
    // A browser gives at most a hundred at once.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return files;
    files.push(...(await Promise.all(some.map(filesBelow))).flat());
  }
}

/** @throws RemoteError, DataError `picture_address_invalid` when there is no picture at the address */
export async function fetchPicture(address: string, signal: AbortSignal): Promise<Blob> {
  const url = pictureAddress(address);
  const shown = url.protocol === 'data:' ? 'the data: address' : `${url.origin}${url.pathname}`;
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new RemoteError({
      code: 'picture_unreachable',
      expected: `a picture at ${shown}`,
      received: cause instanceof Error ? cause.message : String(cause),
      fix: "check the address; its server must allow this page's origin (CORS), and the page's Content-Security-Policy the server (connect-src)",
      cause,
    });
  }
  const length = Number(response.headers.get('Content-Length') ?? 0);
  if (!response.ok || length > largestPicture) {
    await response.body?.cancel();
    throw response.ok ? tooLarge(shown, length) : missing(shown, response.status);
  }
  return withinLimit(response, shown, signal);
}

async function withinLimit(response: Response, shown: string, signal: AbortSignal): Promise<Blob> {
  const pieces = await readPieces(response, {
    signal,
    arrived(received) {
      if (received > largestPicture) throw tooLarge(shown, received);
    },
    broken: (received, cause) =>
      new RemoteError({
        code: 'picture_unreachable',
        expected: `the whole of ${shown}`,
        received: `${received} bytes, then ${cause instanceof Error ? cause.message : String(cause)}`,
        fix: 'check the connection, and try again',
        cause,
      }),
  });
  return new Blob(pieces, { type: response.headers.get('Content-Type') ?? '' });
}

function missing(shown: string, status: number): RemoteError {
  return new RemoteError({
    code: 'picture_missing',
    expected: `a picture at ${shown}`,
    received: `status ${status}`,
    fix: 'check the address',
  });
}

function tooLarge(shown: string, bytes: number): RemoteError {
  return new RemoteError({
    code: 'picture_too_large',
    expected: `a picture of at most ${largestPicture / 1e6} MB at ${shown}`,
    received: `${Math.round(bytes / 1e6)} MB or more`,
    fix: 'make it smaller first',
  });
}

function pictureAddress(text: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(text.trim(), document.baseURI);
  } catch {
    // Said below.
  }
  if (url && /^(?:https?|data|blob):$/.test(url.protocol)) return url;
  throw new DataError({
    code: 'picture_address_invalid',
    expected: 'the address of a picture, which starts with https:// or http://',
    received: text.slice(0, 100),
    fix: 'correct the address; choose or drop files of this device instead',
  });
}

/** What the page shows, upright. */
export async function bitmapOf(picture: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(picture);
  } catch (cause) {
    const html = /html|json/.test(picture.type);
    throw new DataError({
      code: 'image_unreadable',
      expected: 'a JPEG, PNG, WebP, GIF or AVIF picture that is whole',
      received: `${picture.size} bytes${picture.type ? ` of type ${picture.type}` : ''}`,
      fix: html ? 'check the address: there is a page where the picture should be' : 'choose another picture',
      cause,
    });
  }
}
