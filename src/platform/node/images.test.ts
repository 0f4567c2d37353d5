/** Decoded pixels against Pillow's, for every kind of picture that data sets hold. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { decodeImage, encodeImage, inspectImage } from './images.ts';

const reference = '../shared/reference/processors';
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A CMYK JPEG of 16 × 16 pixels, written by Pillow 12.3. */
const cmykJpeg = Buffer.from(
  [
    '/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAGBAUGBQQGBgUGBwcGCAoQCgoJCQoUDg8MEBcUGBgXFBYWGh0lHxobIxwWFiAsICMmJykq',
    'KRkfLTAtKDAlKCko/8AAFAgAEAAQBEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//EALUQAAIB',
    'AwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZH',
    'SElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV',
    '1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAA4EQwBNAFkASwAAPwD1/wCJP/LX8a9f/wCE6/6a/rXr/iTXfv8Az19Cavd/e5r5',
    'U+JP/LX8aP8AhOv+mv615T4k137/AM9cVq9397mvqv4k/wDLX8a+VP8AhOv+mv60eJNd+/8APWrq9397mvlT4k/8tfxo/wCE6/6a',
    '/rXlXiTXfv8Az1xWr3f3ua//2Q==',
  ].join(''),
  'base64',
);

const size = { width: 6, height: 4 };
const pixels = size.width * size.height;
const values = (channels: number): Uint8Array =>
  Uint8Array.from({ length: pixels * channels }, (_, i) => (i * 37) % 256);
const raw = (channels: 1 | 2 | 3 | 4) => sharp(values(channels), { raw: { ...size, channels } });
const repeated = (grey: Uint8Array): Uint8Array =>
  Uint8Array.from({ length: pixels * 3 }, (_, i) => grey[Math.floor(i / 3)]!);

test.skipIf(!existsSync(reference))('equals Pillow on the reference pictures, JPEG and PNG', async () => {
  const pictures = JSON.parse(readFileSync(`${reference}/images.json`, 'utf8')) as Record<
    string,
    { jpeg?: string; source_png?: string; rgb_png: string; rgb_sha256: string; width: number; height: number }
  >;
  expect(Object.keys(pictures).length).toBeGreaterThan(0);
  for (const [name, picture] of Object.entries(pictures)) {
    for (const file of [picture.jpeg, picture.source_png, picture.rgb_png]) {
      if (file === undefined) continue;
      const { data, width, height } = await decodeImage(readFileSync(`${reference}/${file}`));
      expect([name, width, height, sha256(data)]).toEqual([
        name,
        picture.width,
        picture.height,
        picture.rgb_sha256,
      ]);
    }
  }
});

test('CMYK equals Pillow', async () => {
  const { data } = await decodeImage(cmykJpeg);
  expect(sha256(data)).toBe('ee17faa0e211d54ab6fc4e8d8808dde90ff64d7df3b36fb0a0b7c13aa948dcfd');
});

test('grey is repeated, alpha dropped and not blended', async () => {
  const rgb = values(3);
  expect((await decodeImage(await raw(3).png().toBuffer())).data).toEqual(rgb);
  const grey = await raw(1).toColourspace('b-w').png().toBuffer();
  expect((await sharp(grey).metadata()).channels).toBe(1);
  expect((await decodeImage(grey)).data).toEqual(repeated(values(1)));
  const greyAlpha = await raw(2).toColourspace('b-w').png().toBuffer();
  expect((await sharp(greyAlpha).metadata()).channels).toBe(2);
  const light = values(2).filter((_, i) => i % 2 === 0);
  expect((await decodeImage(greyAlpha)).data).toEqual(repeated(light));
  const rgba = await raw(4).png().toBuffer();
  expect((await decodeImage(rgba)).data).toEqual(values(4).filter((_, i) => i % 4 !== 3));
});

test('16 bits keep their high byte, grey and colour', async () => {
  const deep = Uint16Array.from({ length: pixels * 3 }, (_, i) => (i * 997) % 65536);
  const colour = await sharp(deep, { raw: { ...size, channels: 3 } })
    .toColourspace('rgb16')
    .png()
    .toBuffer();
  expect((await sharp(colour).metadata()).depth).toBe('ushort');
  expect((await decodeImage(colour)).data).toEqual(Uint8Array.from(deep, (value) => value >> 8));
  const one = deep.subarray(0, pixels);
  const grey = await sharp(one, { raw: { ...size, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toBuffer();
  expect((await sharp(grey).metadata()).depth).toBe('ushort');
  expect((await decodeImage(grey)).data).toEqual(repeated(Uint8Array.from(one, (value) => value >> 8)));
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'EXIF orientation %i is applied, or ignored on request',
  async (orientation) => {
    const png = await raw(3).withMetadata({ orientation }).png().toBuffer();
    const upright = await sharp(png).autoOrient().removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const applied = await decodeImage(png);
    expect([applied.width, applied.height]).toEqual(orientation > 4 ? [4, 6] : [6, 4]);
    expect(applied.data).toEqual(new Uint8Array(upright.data));
    expect((await decodeImage(png, { orientation: 'ignore' })).data).toEqual(values(3));
    expect(await inspectImage(png)).toMatchObject({
      orientation,
      stored: size,
      width: applied.width,
      height: applied.height,
      format: 'png',
    });
  },
);

test('embedded colour profiles are not applied, as Pillow does not', async () => {
  const wide = await raw(3).withIccProfile('p3', { attach: true }).png().toBuffer();
  expect((await sharp(wide).metadata()).icc).toBeDefined();
  const plain = await sharp(wide, { ignoreIcc: true }).raw().toBuffer();
  expect((await decodeImage(wide)).data).toEqual(new Uint8Array(plain));
});

test('the first frame of an animation', async () => {
  const frames = Uint8Array.from({ length: pixels * 2 * 3 }, (_, i) => (i < pixels * 3 ? 200 : 40));
  const gif = await sharp(frames, { raw: { width: 6, height: 8, channels: 3, pageHeight: 4 } })
    .gif()
    .toBuffer();
  expect((await sharp(gif, { animated: true }).metadata()).pages).toBe(2);
  const { width, height, data } = await decodeImage(gif);
  expect([width, height]).toEqual([6, 4]);
  expect(data.every((value) => value === 200)).toBe(true);
});

test.each(['jpeg', 'webp', 'png'] as const)('a %s that was cut off is refused', async (format) => {
  const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i * 31) % 251);
  const whole = await encodeImage({ width: 64, height: 64, data: noise }, format);
  await expect(decodeImage(whole)).resolves.toMatchObject({ width: 64, height: 64 });
  await expect(decodeImage(whole.subarray(0, Math.floor(whole.length * 0.6)))).rejects.toMatchObject({
    code: 'image_unreadable',
    exitCode: 3,
  });
});

const svg =
  '<svg xmlns="http://www.w3.org/2000/svg" width="30000" height="30000"><rect width="9" height="9"/></svg>';

test.each([new Uint8Array(), ...['<html>404</html>', svg].map((text) => new TextEncoder().encode(text))])(
  'no picture: %o',
  async (bytes) => {
    await expect(decodeImage(bytes)).rejects.toMatchObject({ code: 'image_unreadable' });
    await expect(inspectImage(bytes)).rejects.toMatchObject({ code: 'image_unreadable' });
  },
);

test('PNG and lossless round trips', async () => {
  const image = { ...size, data: values(3) };
  expect(await decodeImage(await encodeImage(image, 'png'))).toEqual(image);
  expect(await decodeImage(await encodeImage(image, 'jpeg'))).toMatchObject(size);
});
