/**
 * Where the model lies in what was picked. Archives often hold one folder that holds everything; that of a run holds several models,
 * and the one with the shortest path is the run's own, the others are its checkpoints.
 */

/** @returns the folder of `config.json` and weights, or what is missing */
export function modelFolder(
  files: readonly string[],
): { readonly folder: string } | { readonly missing: string } {
  const configs = files
    .filter((path) => /(^|\/)config\.json$/.test(path))
    .sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1));
  const folders = configs.map((path) => path.slice(0, -'config.json'.length));
  const folder = folders.find((candidate) => files.some((path) => isWeightsIn(candidate, path)));
  if (folder !== undefined) return { folder: folder.replace(/\/$/, '') };
  return {
    missing: configs.length === 0 ? 'no config.json' : 'no file that ends with .safetensors beside it',
  };
}

const depth = (path: string): number => path.split('/').length;

const isWeightsIn = (folder: string, path: string): boolean =>
  path.startsWith(folder) && /^[^/]+\.safetensors$/.test(path.slice(folder.length));
