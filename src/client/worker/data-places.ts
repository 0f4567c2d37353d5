/**
 * The data of a run that was trained elsewhere. Its recipe names places of another machine, or what was picked in another
 * browser. What the user picks here is mounted at the very path that the recipe names: the recipe stays as it is, and the
 * run goes on as exactly as its data are the same. Places in clouds can't be stood in for: those the page says.
 */
import { files, localPath } from '#platform';
import { parseRecipe, type Recipe } from '../../config/index.ts';
import { DataError } from '../../core/index.ts';
import {
  type MountedTree,
  type MountSource,
  mount,
  openSource,
  unmount,
} from '../../platform/browser/index.ts';
import { openPlace } from '../../storage/index.ts';
import type { MissingData, MissingFolder, Places } from '../protocol.ts';
import { RunIndex } from '../run-index.ts';

/** What is open already has to be mounted. */
export async function missingData(run: string): Promise<MissingData> {
  const text = new TextDecoder().decode(await files.read(`${run}/recipe.yaml`));
  const { recipe } = parseRecipe(text, { source: `${run}/recipe.yaml` });
  const closed: { key: string; place: string }[] = [];
  const here: Named[] = [];
  for (const { key, place, isFile } of namedPlaces(recipe)) {
    if (await isReadable(place)) continue;
    const path = localPathOf(place);
    if (path === undefined || isOurs(path)) closed.push({ key, place });
    else here.push({ key, path, isFile });
  }
  return { folders: foldersToPick(here), closed };
}

/** The same for a run of the list, which says so from now on: a gateway may offer today what nobody did before. */
export async function lookForData(run: string): Promise<MissingData> {
  const missing = await missingData(run);
  const index = await RunIndex.open();
  try {
    const record = await index.get(run);
    if (record?.dataMissing) await noteMissing(index, run, missing);
  } finally {
    index.close();
  }
  return missing;
}

interface Named {
  readonly key: string;
  /** Normal: `/home/me/shapes/train`. */
  readonly path: string;
  readonly isFile: boolean;
}

function namedPlaces({ data }: Recipe): { key: string; place: string; isFile: boolean }[] {
  return (['train', 'val', 'test'] as const).flatMap((split) =>
    (['data_path', 'annotation_file'] as const).flatMap((what) => {
      const key = `${split}_${what}` as const;
      const place = data[key];
      return place === null ? [] : [{ key: `data.${key}`, place, isFile: what === 'annotation_file' }];
    }),
  );
}

/** Generated pictures and addresses are everywhere; of anything else it is seen when it is opened. */
export async function isReadable(place: string): Promise<boolean> {
  if (/^(sample|https?|hub):/i.test(place)) return true;
  const path = localPathOf(place);
  if (path !== undefined && (await files.stat(path))) return true;
  if (path !== undefined && !path.startsWith('/Volumes/')) return false;
  return openPlace(place).then(
    () => true,
    () => false,
  );
}

/** Undefined for addresses. `/a/b` of `a/b`, `file:///a/b` and `C:\a\b` alike, as this disk has it. */
function localPathOf(place: string): string | undefined {
  if (/^[A-Za-z][A-Za-z0-9+.-]+:/.test(place) && !place.startsWith('file:')) return undefined;
  const parts: string[] = [];
  for (const part of localPath(place).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** Where this page keeps things itself: nothing may be mounted over them. */
function isOurs(path: string): boolean {
  return ['/', '/home', '/picked'].includes(path) || /^\/(?:runs|\.ocelli|home\/\.cache)(?:\/|$)/.test(path);
}

/** One folder for all, where what is missing lies side by side; else one for each. Files are asked for with their folder. */
export function foldersToPick(missing: readonly Named[]): MissingFolder[] {
  const folderOf = ({ path, isFile }: Named): string => (isFile ? parentOf(path) : path);
  const folders = [...new Set(missing.map(folderOf))];
  const parents = new Set(folders.map(parentOf));
  const [parent] = parents;
  const [first] = folders;
  const together =
    folders.length === 1 ? first! : parents.size === 1 && !isOurs(parent!) ? parent! : undefined;
  const inside = (folder: string, named: Named): boolean =>
    named.path === folder || named.path.startsWith(`${folder}/`);
  const roots =
    together === undefined
      ? folders.filter(
          (folder) => !folders.some((other) => other !== folder && folder.startsWith(`${other}/`)),
        )
      : [together];
  return roots.map((path) => {
    const own = missing.filter((named) => inside(path, named));
    return {
      path,
      keys: own.map(({ key }) => key),
      expected: [...new Set(own.map((named) => named.path.slice(path.length + 1)))].filter(
        (part) => part !== '',
      ),
    };
  });
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';

/**
 * Takes what was picked for one of the missing folders, and keeps it for the run. Returns what is still missing.
 *
 * @throws DataError where it has not what the recipe names
 */
export async function giveData(run: string, path: string, source: MountSource): Promise<MissingData> {
  const index = await RunIndex.open();
  try {
    const kept = (await index.places(run)) ?? {};
    for (const [at, place] of Object.entries(kept)) await mount(at, place);
    const folder = (await missingData(run)).folders.find((candidate) => candidate.path === path);
    if (!folder) return await missingData(run);
    const places: Places = { ...kept, [path]: await fitting(source, folder) };
    await mount(path, places[path]!);
    const missing = await missingData(run).catch((error: unknown) => {
      unmount(path);
      throw error;
    });
    await index.keepPlaces(run, places);
    await noteMissing(index, run, missing);
    return missing;
  } finally {
    index.close();
  }
}

/** Keeps what is missing with the run, for lists of runs to say so. */
async function noteMissing(index: RunIndex, run: string, missing: MissingData): Promise<void> {
  const record = await index.get(run);
  if (record) await index.put({ ...record, dataMissing: placesOf(missing) });
}

/** Undefined where nothing is missing. */
export function placesOf({ folders, closed }: MissingData): readonly string[] | undefined {
  const places = [...folders.map(({ path }) => path), ...closed.map(({ place }) => place)];
  return places.length > 0 ? places : undefined;
}

/** Archives and file managers put other folders around the one that is meant: so many are looked through. */
const deepest = 2;

async function fitting(source: MountSource, { path, expected }: MissingFolder): Promise<MountSource> {
  const tree = await openSource(source);
  if (expected.length === 0) return source.kind === 'zip' ? below(source, await onlyFolder(tree)) : source;
  let level = [''];
  for (let depth = 0; depth <= deepest; depth++) {
    for (const folder of level) if (await has(tree, folder, expected)) return below(source, folder);
    level = (await Promise.all(level.map((folder) => foldersIn(tree, folder)))).flat().slice(0, 200);
  }
  const found = (await tree.list('/')).map(({ name }) => name.slice(0, 40));
  throw new DataError({
    code: 'data_not_in_folder',
    expected: `${expected.join(' and ')} in the folder that stands for ${path}`,
    received:
      found.length === 0
        ? 'an empty folder'
        : `${found.slice(0, 5).join(', ')}${found.length > 5 ? ', …' : ''}`,
    fix: 'choose the folder that has them, as it was when the run was trained',
  });
}

/** An archive of a folder often holds that folder and nothing else. */
async function onlyFolder(tree: MountedTree): Promise<string> {
  const [only, ...others] = await tree.list('/');
  return only?.isDirectory && others.length === 0 ? only.path : '';
}

async function has(tree: MountedTree, folder: string, expected: readonly string[]): Promise<boolean> {
  for (const part of expected) if (!(await tree.stat(`${folder}/${part}`))) return false;
  return true;
}

async function foldersIn(tree: MountedTree, folder: string): Promise<string[]> {
  const entries = await tree.list(folder || '/');
  return entries.filter(({ isDirectory }) => isDirectory).map(({ path }) => path);
}

async function below(source: MountSource, folder: string): Promise<MountSource> {
  if (folder === '') return source;
  switch (source.kind) {
    case 'zip':
      return { ...source, below: folder };
    case 'folder': {
      let { handle } = source;
      for (const part of folder.split('/').filter(Boolean)) handle = await handle.getDirectoryHandle(part);
      return { kind: 'folder', handle };
    }
    case 'files': {
      const prefix = `${folder.slice(1)}/`;
      const inside = source.files.filter(({ path }) => path.startsWith(prefix));
      return {
        kind: 'files',
        files: inside.map(({ path, file }) => ({ path: path.slice(prefix.length), file })),
      };
    }
    case 'http':
      return source;
  }
}
