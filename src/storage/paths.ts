/**
 * Paths inside a volume that is far away. Annotation files come from others and name files, so a path is
 * checked before it becomes part of a URL: it must stay inside the volume in every spelling that a server or a
 * proxy between might decode (`..`, `%2e%2e`, `%252e`, backslashes), and carry no control characters, which
 * could end a header or a line of a log.
 */
import { DataError } from '../core/index.ts';

/**
 * The path without empty parts and `.`.
 *
 * @param path relative to the volume's root, with `/`
 * @param location the volume, for the message
 * @throws DataError `path_outside_root` for everything that could lead elsewhere
 */
export function cleanPath(path: string, location: string): string {
  for (const spelling of spellings(path)) {
    const reason = escapes(spelling);
    if (reason) throw outside(path, location, reason);
  }
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

/** The same for the beginning of paths, whose slash at the end counts: `a/` is what lies in the folder `a`. */
export function cleanPrefix(prefix: string, location: string): string {
  const clean = cleanPath(prefix, location);
  return clean !== '' && prefix.endsWith('/') ? `${clean}/` : clean;
}

/** A path for a URL: every part escaped as RFC 3986 wants it, slashes kept. */
export function escapePath(path: string): string {
  return path.split('/').map(escapePart).join('/');
}

/** Paths by code points, as object stores list them (JavaScript's `<` goes by UTF-16 units). */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    const [inPairX, inPairY] = [isSurrogate(x), isSurrogate(y)];
    return inPairX === inPairY ? x - y : inPairX ? 1 : -1;
  }
  return a.length - b.length;
}

/** A folder and a name in it, either of which may be empty. */
export function joinPath(folder: string, name: string): string {
  return [folder.replace(/\/+$/, ''), name].filter((part) => part !== '').join('/');
}

const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff;

/** Unreserved characters stay; `!'()*` are escaped too, because signatures are computed that way. */
export function escapePart(part: string): string {
  return encodeURIComponent(part).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The path as it is, and decoded as often as something on the way might. */
function spellings(path: string): readonly string[] {
  const found = [path];
  for (let round = 0; round < 3; round++) {
    const decoded = found.at(-1)!.replace(/%([0-9a-fA-F]{2})/g, (_, code: string) => {
      const value = Number.parseInt(code, 16);
      return value < 0x80 ? String.fromCharCode(value) : `%${code}`;
    });
    if (decoded === found.at(-1)) break;
    found.push(decoded);
  }
  return found;
}

function escapes(path: string): string | undefined {
  if (path.startsWith('/')) return 'an absolute path';
  if (/^[A-Za-z]:/.test(path)) return 'a path with a drive';
  if (path.includes('\\')) return 'a path with a backslash';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f]/.test(path)) return 'a path with a control character';
  if (path.split('/').includes('..')) return 'a path that leads outside of it';
  return undefined;
}

function outside(path: string, location: string, reason: string): DataError {
  return new DataError({
    code: 'path_outside_root',
    expected: `a path that stays inside ${location}`,
    // Escaped, so that a control character does not reach a terminal or a log.
    received: `${JSON.stringify(path).replaceAll('\u007f', '\\u007f')}, ${reason}`,
    fix: 'name the file relative to that folder, with / between the parts and without ..',
  });
}
