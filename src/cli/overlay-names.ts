/**
 * What the pictures with overlays are called: `photo.png` → `photo_pred.jpg`. Pictures of several folders keep
 * their folders below the one that they share, so that two of one name stay apart and say which is which:
 * `left/1.png` and `right/1.png` → `left/1_pred.jpg`, `right/1_pred.jpg`.
 */
import { basename, dirname, extname, join, resolve, sep } from 'node:path';

/** Names relative to the output folder, by path. */
export function overlayNames(paths: readonly string[]): ReadonlyMap<string, string> {
  const folders = paths.map((path) => dirname(resolve(path)).split(sep));
  const shared = sharedLength(folders);
  const names = paths.map((path, i) =>
    join(...folders[i]!.slice(shared), `${basename(path, extname(path))}_pred.jpg`),
  );
  const times = new Map<string, number>();
  for (const name of names) times.set(name, (times.get(name) ?? 0) + 1);
  // a.png beside a.jpg: the ending is what tells them apart.
  const nameOf = (path: string, i: number): string =>
    times.get(names[i]!) === 1 ? names[i]! : join(dirname(names[i]!), `${basename(path)}_pred.jpg`);
  return new Map(paths.map((path, i) => [path, nameOf(path, i)]));
}

/** How many parts all lists begin with. */
function sharedLength(lists: readonly (readonly string[])[]): number {
  const [first = [], ...others] = lists;
  const end = first.findIndex((part, i) => others.some((other) => other[i] !== part));
  return end < 0 ? first.length : end;
}
