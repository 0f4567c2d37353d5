/** How much this origin may keep, whether the browser promises to keep it, and making room. */
import { type CacheEntry, cacheEntries, evictCaches } from './files/caches.ts';
import { opfs } from './files/opfs.ts';

export interface StorageReport {
  /** Bytes that this origin may use in all, as the browser estimates. */
  readonly quota: number;
  /** Bytes in use: files, caches and databases. */
  readonly usage: number;
  /** Whether the browser keeps the data when the disk runs full; without it, it may clear the origin. */
  readonly persisted: boolean;
  /** What can be thrown away without a loss, least recently used first. */
  readonly caches: readonly CacheEntry[];
}

export async function readStorage(): Promise<StorageReport> {
  const { quota = 0, usage = 0 } = await navigator.storage.estimate();
  return { quota, usage, persisted: await navigator.storage.persisted(), caches: await cacheEntries(opfs) };
}

/** Asks the browser to keep this origin's data. Only a page can ask; Chromium decides by itself, Firefox asks the user. */
export async function requestPersistence(): Promise<boolean> {
  if (await navigator.storage.persisted()) return true;
  return 'persist' in navigator.storage ? navigator.storage.persist() : false;
}

/** Throws away caches, least recently used first, until that many bytes are free; checkpoints and runs stay. */
export async function makeRoom(bytes: number): Promise<number> {
  const free = await opfs.freeBytes('/');
  return free >= bytes ? 0 : evictCaches(opfs, bytes - free);
}
