/**
 * What may be thrown away when the browser's storage is full: downloads under `/home/.cache`, and nothing else.
 * Runs, checkpoints and copied data are the user's. The least recently used go first; OPFS has no time of last
 * use, so uses are noted here, by cache entry (one model of the hub, for example).
 */
import type { Files } from '../../types.ts';

export const cacheRoot = '/home/.cache';
const notePath = '/.ocelli/cache-uses.json';
/** `/home/.cache/huggingface/hub/models--org--name`: an entry is this many parts below the root. */
const entryDepth = 3;
const secondsBetweenNotes = 30;

export interface CacheEntry {
  readonly path: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly lastUsed: number;
}

const uses = new Map<string, number>();
let noted = 0;

/** Remembers that something was read; false for what belongs to no cache. */
export function noteUse(path: string): boolean {
  const entry = entryOf(path);
  if (entry !== undefined) uses.set(entry, Date.now());
  return entry !== undefined;
}

/** The cache entries, least recently used first. */
export async function cacheEntries(files: Files): Promise<CacheEntry[]> {
  if (!(await files.stat(cacheRoot))) return [];
  const remembered = await readNotes(files);
  const entries: CacheEntry[] = [];
  for (const path of await foldersAt(files, cacheRoot, entryDepth)) {
    const { bytes, newest } = await measure(files, path);
    const lastUsed = Math.max(remembered[path] ?? 0, uses.get(path) ?? 0, newest);
    entries.push({ path, bytes, lastUsed });
  }
  return entries.sort((a, b) => a.lastUsed - b.lastUsed);
}

/** Removes entries until `bytes` are gained; returns what was gained. Entries in use in this context stay. */
export async function evictCaches(files: Files, bytes: number): Promise<number> {
  let gained = 0;
  for (const entry of await cacheEntries(files)) {
    if (gained >= bytes) break;
    if (uses.has(entry.path)) continue;
    await files.remove(entry.path);
    gained += entry.bytes;
  }
  return gained;
}

/** Keeps the notes for later sessions; called now and then by whoever reads caches. */
export async function saveUses(files: Files): Promise<void> {
  if (uses.size === 0 || Date.now() - noted < secondsBetweenNotes * 1000) return;
  noted = Date.now();
  const all = { ...(await readNotes(files)), ...Object.fromEntries(uses) };
  await files.write(notePath, JSON.stringify(all));
}

async function readNotes(files: Files): Promise<Readonly<Record<string, number>>> {
  if (!(await files.stat(notePath))) return {};
  try {
    return JSON.parse(new TextDecoder().decode(await files.read(notePath))) as Record<string, number>;
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function entryOf(path: string): string | undefined {
  if (!path.startsWith(`${cacheRoot}/`)) return undefined;
  const parts = path.slice(cacheRoot.length + 1).split('/');
  return parts.length > entryDepth ? `${cacheRoot}/${parts.slice(0, entryDepth).join('/')}` : undefined;
}

async function foldersAt(files: Files, folder: string, depth: number): Promise<string[]> {
  const below = (await files.list(folder)).filter((entry) => entry.isDirectory).map((entry) => entry.path);
  if (depth === 1) return below;
  return (await Promise.all(below.map((path) => foldersAt(files, path, depth - 1)))).flat();
}

async function measure(files: Files, folder: string): Promise<{ bytes: number; newest: number }> {
  let bytes = 0;
  let newest = 0;
  for (const entry of await files.list(folder)) {
    const part = entry.isDirectory
      ? await measure(files, entry.path)
      : { bytes: entry.size, newest: entry.modified };
    bytes += part.bytes;
    newest = Math.max(newest, part.newest);
  }
  return { bytes, newest };
}
