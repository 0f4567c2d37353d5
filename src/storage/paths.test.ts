/** Paths that lead elsewhere, in every spelling, and the order of those that don't. */
import { expect, test } from 'vitest';
import { cleanPath, comparePaths, escapePath } from './paths.ts';

test.each([
  '..',
  '../x',
  'a/../b',
  'a/..',
  '/etc/passwd',
  '//host/x',
  'C:/x',
  'c:x',
  'a\\b',
  '..\\x',
  'a\0b',
  'a\nb',
  'a\rb',
  'a\x7fb',
  '%2e%2e/x',
  '%2E%2E/x',
  '.%2e/x',
  'a/%2e%2e%2fx',
  '%252e%252e/x',
  '%25252e%25252e/x',
  'a%5c..%5cb',
  'a%00b',
  'a%0d%0aHost: x',
  '%2fetc/passwd',
])('%j is refused', (path) => {
  let error: unknown;
  try {
    cleanPath(path, 's3://bucket');
  } catch (caught) {
    error = caught;
  }
  expect(error).toMatchObject({ code: 'path_outside_root', exitCode: 3 });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no message may carry them
  expect((error as Error).message).not.toMatch(/[\0-\x1f\x7f]/);
});

test.each([
  ['a/b.jpg', 'a/b.jpg'],
  ['./a//b.jpg', 'a/b.jpg'],
  ['a..b/...', 'a..b/...'],
  ['100%.jpg', '100%.jpg'],
  ['%41.jpg', '%41.jpg'],
  ['日本/🦊.jpg', '日本/🦊.jpg'],
])('%j is %j', (path, clean) => {
  expect(cleanPath(path, 's3://bucket')).toBe(clean);
});

test('escapes what a URL or a signature would read differently', () => {
  expect(escapePath("a b/+&?#%'()*!.jpg")).toBe('a%20b/%2B%26%3F%23%25%27%28%29%2A%21.jpg');
});

test('orders by code points, as UTF-8 does', () => {
  const names = ['a/z', 'a-b', 'a', 'a.b', 'é', '\u{ff41}', '🦊', '', 'b'];
  const byBytes = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  expect(names.toSorted(comparePaths)).toEqual(byBytes);
});
