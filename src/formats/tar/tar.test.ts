import { expect, test } from 'vitest';
import { listTar, TarWriter } from './index.ts';

function archiveOf(name: string, content: string): Uint8Array {
  const writer = new TarWriter();
  writer.add({ name, content: new TextEncoder().encode(content) });
  return writer.finish();
}

/** The archive with another text in the size of its first file, and a checksum that fits. */
function withSize(archive: Uint8Array, size: string): Uint8Array {
  const changed = archive.slice();
  changed.set(new TextEncoder().encode(size.padEnd(12, '\0')), 124);
  changed.fill(0x20, 148, 156);
  const sum = changed.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  changed.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  return changed;
}

test('an archive lists what was put into it', () => {
  const archive = archiveOf('a.txt', 'hello');
  expect(archive.length % 512).toBe(0);
  expect(listTar(archive)).toEqual([{ name: 'a.txt', start: 512, end: 517 }]);
  expect(listTar(withSize(archive, '5'))).toEqual([{ name: 'a.txt', start: 512, end: 517 }]);
});

test.each([
  ['leads back to its own header', '-1000'],
  ['is no number', 'five'],
  ['lies outside of the archive', '77777777777'],
])('a size that %s is an error', (_, size) => {
  const archive = withSize(archiveOf('a.txt', 'hello'), size);
  expect(() => listTar(archive)).toThrow(expect.objectContaining({ code: 'tar_invalid' }));
});

test.each([0, 100, 513, 1200])('an archive that ends after %i bytes is an error', (length) => {
  const archive = archiveOf('a.txt', 'hello').subarray(0, length);
  expect(() => listTar(archive)).toThrow(expect.objectContaining({ code: 'tar_invalid' }));
});
