/**
 * Paths of the browser's file tree. It has one root and no working folder of its own: `runs/a` and `/runs/a` are
 * the same place. `..` is resolved and stops at the root.
 */

/** `/a/b`, without a slash at the end; the root is `/`. */
export function normalPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}

export function partsOf(path: string): string[] {
  return normalPath(path)
    .split('/')
    .filter((part) => part !== '');
}

export function parentOf(path: string): string {
  const normal = normalPath(path);
  return normal.slice(0, normal.lastIndexOf('/')) || '/';
}

export function nameOf(path: string): string {
  const normal = normalPath(path);
  return normal.slice(normal.lastIndexOf('/') + 1);
}
