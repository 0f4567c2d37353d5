/**
 * What people write into `model="…"`: an address (absolute, or relative to the page when it starts with `/`, `./` or
 * `../`), or a hub id `organisation/name`, with `@revision` behind it where not `main` is meant.
 */
import { ConfigError } from '../core/index.ts';
import type { ModelPlace } from './protocol.ts';

export const defaultHub = 'https://huggingface.co';

const hubName = /^(?:[\w.-]+\/)?[\w.-]+$/;

/** @throws ConfigError `model_name_invalid`, `model_address_invalid` */
export function modelPlace(text: string, base: string, hub: string = defaultHub): ModelPlace {
  const name = text.trim();
  if (/^[a-z][a-z\d+.-]*:/i.test(name) || /^\.{0,2}\//.test(name))
    return { kind: 'url', url: address(name, base) };
  const [id = '', revision = 'main', ...more] = name.split('@');
  const parts = [...id.split('/'), ...revision.split('/')];
  if (!hubName.test(id) || revision === '' || more.length > 0 || parts.some((part) => /^\.+$/.test(part))) {
    throw new ConfigError({
      code: 'model_name_invalid',
      expected: 'the address of a model folder (https://…, /…, ./…) or a hub id such as hustvl/yolos-tiny',
      received: name === '' ? 'nothing' : name,
      fix: 'correct the attribute model; a folder beside the page is written with ./ in front',
    });
  }
  return { kind: 'hub', id, revision, endpoint: address(hub, base).replace(/\/+$/, '') };
}

function address(name: string, base: string): string {
  let url: URL | undefined;
  try {
    url = new URL(name, base);
  } catch {
    // Said below.
  }
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError({
      code: 'model_address_invalid',
      expected: 'an address that starts with http:// or https://',
      received: name,
      fix: 'correct the attribute; files of this machine are given through the property modelFiles',
    });
  }
  url.hash = '';
  // People paste the address of a file of the folder.
  url.pathname = url.pathname.replace(/\/(?:config\.json|onnx\/?|onnx\/model\w*\.onnx)$/, '/');
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url.href;
}

/** The address of a file of a model. The query of a folder's address (a signature) goes with every file. */
export function fileAddress(place: Exclude<ModelPlace, { kind: 'files' }>, path: string): string {
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  if (place.kind === 'hub') {
    return `${place.endpoint}/${place.id}/resolve/${encodeURIComponent(place.revision)}/${encoded}`;
  }
  const url = new URL(place.url);
  url.pathname += encoded;
  return url.href;
}

/** For messages; without the query, which may be signed. */
export function placeName(place: ModelPlace): string {
  if (place.kind === 'files') return place.name;
  if (place.kind === 'hub') {
    const revision = place.revision === 'main' ? '' : `@${place.revision}`;
    return `${place.id}${revision} on ${new URL(place.endpoint).host}`;
  }
  return place.url.replace(/\?.*$/, '');
}

/**
 * The files of a chosen folder by their paths inside of it: the folder that holds `config.json` is the root, the one
 * nearest to the top where several do.
 *
 * @throws ConfigError `model_folder_incomplete` when none does
 */
export function placeOfFiles(files: readonly { readonly path: string; readonly file: File }[]): ModelPlace {
  const depth = (path: string): number => path.split('/').length;
  const configs = files
    .map(({ path }) => path)
    .filter((path) => path === 'config.json' || path.endsWith('/config.json'))
    .sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1));
  const [config] = configs;
  if (config === undefined) {
    throw new ConfigError({
      code: 'model_folder_incomplete',
      expected: 'a folder with config.json, preprocessor_config.json and onnx/model.onnx',
      received: files.length === 0 ? 'an empty folder' : `${files.length} files, none of them config.json`,
      fix: 'choose the folder model/ of a run, or one that was downloaded from the hub',
    });
  }
  const root = config.slice(0, -'config.json'.length);
  const inside = files.filter(({ path }) => path.startsWith(root));
  return {
    kind: 'files',
    name: root.split('/').at(-2) ?? 'the chosen folder',
    files: Object.fromEntries(inside.map(({ path, file }) => [path.slice(root.length), file])),
  };
}
