/** Formats that browsers don't read are known by their bytes, and nothing else is taken for one. */
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { foreignFormat } from './foreign-format.ts';

const bytes = (...parts: (string | number[])[]): Uint8Array =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));
const header = (...brands: string[]): Uint8Array =>
  bytes([0, 0, 0, 8 + 4 * (brands.length + 1)], 'ftyp', brands[0]!, [0, 0, 0, 0], brands.slice(1).join(''));
const picture = () => sharp({ create: { width: 9, height: 7, channels: 3, background: '#4080c0' } });

test('TIFF, HEIC and SVG', async () => {
  expect(foreignFormat(await picture().tiff().toBuffer())).toBe('TIFF');
  expect(foreignFormat(header('heic', 'mif1', 'heic'))).toBe('HEIC');
  expect(foreignFormat(header('mif1', 'mif1', 'heix'))).toBe('HEIC');
  expect(foreignFormat(bytes('<svg xmlns="http://www.w3.org/2000/svg"/>'))).toBe('SVG');
  expect(
    foreignFormat(bytes([0xef, 0xbb, 0xbf], '<?xml version="1.0"?>\n<!-- by hand -->\n<svg width="9">')),
  ).toBe('SVG');
});

test('what a browser reads, and what is no picture', async () => {
  for (const format of ['png', 'jpeg', 'webp', 'gif', 'avif'] as const) {
    expect(foreignFormat(await picture().toFormat(format).toBuffer()), format).toBeUndefined();
  }
  expect(foreignFormat(bytes('<html><body><svg/></body></html>'))).toBeUndefined();
  expect(foreignFormat(header('isom', 'isom', 'mp42'))).toBeUndefined();
  expect(foreignFormat(new Uint8Array())).toBeUndefined();
});
