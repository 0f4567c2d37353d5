/**
 * Looks for texts in everything that a page keeps in the browser: OPFS with all its folders, every database of IndexedDB,
 * the cache of requests, local and session storage, cookies. Bytes are looked through as they lie, as text of one byte a
 * letter (which UTF-8 is for these texts) and of two (UTF-16, as structured clones may keep them).
 */
import type { Page } from 'playwright-core';

export interface Kept {
  /** Where a text was found: `opfs /home/a.json`, `indexedDB runs/runs/key`, … */
  readonly found: readonly string[];
  /** How much was looked through. */
  readonly files: number;
  readonly records: number;
}

export function findKept(page: Page, texts: readonly string[]): Promise<Kept> {
  return page.evaluate(async (wanted) => {
    const found: string[] = [];
    let files = 0;
    let records = 0;
    const lookAtText = (place: string, text: string): void => {
      if (wanted.some((secret) => text.includes(secret))) found.push(place);
    };
    const lookAtBytes = (place: string, bytes: Uint8Array): void => {
      const one = new TextDecoder('latin1').decode(bytes);
      const two = [0, 1].map((start) => new TextDecoder('utf-16le').decode(bytes.subarray(start)));
      lookAtText(place, [one, ...two].join('\n'));
    };

    const walk = async (folder: FileSystemDirectoryHandle, path: string): Promise<void> => {
      for await (const [name, handle] of folder.entries()) {
        lookAtText(`opfs ${path}${name}`, name);
        if (handle.kind === 'directory') {
          await walk(handle as FileSystemDirectoryHandle, `${path}${name}/`);
        } else {
          files++;
          const file = await (handle as FileSystemFileHandle).getFile();
          lookAtBytes(`opfs ${path}${name}`, new Uint8Array(await file.arrayBuffer()));
        }
      }
    };
    await walk(await navigator.storage.getDirectory(), '/');

    const lookAtValue = async (place: string, value: unknown): Promise<void> => {
      if (typeof value === 'string') lookAtText(place, value);
      else if (value instanceof Blob) lookAtBytes(place, new Uint8Array(await value.arrayBuffer()));
      else if (value instanceof ArrayBuffer) lookAtBytes(place, new Uint8Array(value));
      else if (ArrayBuffer.isView(value)) {
        lookAtBytes(place, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      } else if (value instanceof Map || value instanceof Set) await lookAtValue(place, [...value]);
      else if (typeof value === 'object' && value !== null) {
        for (const [key, part] of Object.entries(value)) {
          lookAtText(place, key);
          await lookAtValue(place, part);
        }
      }
    };
    const done = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    for (const { name } of await indexedDB.databases()) {
      const database = await done(indexedDB.open(name!));
      for (const store of database.objectStoreNames) {
        const at = () => database.transaction(store).objectStore(store);
        const [keys, values] = [await done(at().getAllKeys()), await done(at().getAll())];
        records += values.length;
        for (const [i, value] of values.entries()) {
          await lookAtValue(`indexedDB ${name}/${store}`, [keys[i], value]);
        }
      }
      database.close();
    }

    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) {
        lookAtText(`caches ${name}`, request.url);
        const response = await cache.match(request);
        lookAtBytes(`caches ${name}`, new Uint8Array((await response?.arrayBuffer()) ?? []));
      }
    }
    for (const [name, storage] of Object.entries({ localStorage, sessionStorage })) {
      lookAtText(name, JSON.stringify({ ...storage }));
    }
    lookAtText('cookies', document.cookie);
    return { found: [...new Set(found)], files, records };
  }, texts);
}

/** Keeps a text everywhere where `findKept` looks, in the shapes in which it might be kept. */
export function keepEverywhere(page: Page, text: string): Promise<void> {
  return page.evaluate(async (secret) => {
    const spaced = Uint8Array.from([...`x${secret}`].flatMap((letter) => [letter.charCodeAt(0), 0]));
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle('planted', { create: true });
    const deeper = await folder.getDirectoryHandle('deeper', { create: true });
    for (const [at, name, content] of [
      [root, 'plain', secret],
      [deeper, 'wide', spaced.subarray(1)],
    ] as const) {
      const file = await (await at.getFileHandle(name, { create: true })).createWritable();
      await file.write(content);
      await file.close();
    }
    await new Promise<void>((resolve, reject) => {
      const opening = indexedDB.open('planted', 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore('all');
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const writing = opening.result.transaction('all', 'readwrite');
        writing.objectStore('all').put({ deep: new Map([['a', new TextEncoder().encode(secret)]]) }, 'key');
        writing.oncomplete = () => {
          opening.result.close();
          resolve();
        };
      };
    });
    const cache = await caches.open('planted');
    await cache.put('/planted', new Response(new Blob([secret])));
    sessionStorage.planted = secret;
    localStorage.planted = `1${secret}`;
  }, text);
}
