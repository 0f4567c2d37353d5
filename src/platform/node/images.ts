/**
 * Pictures by sharp (libvips with libjpeg-turbo), on libuv's threads. The pixels are those of Pillow's
 * `Image.open(…).convert('RGB')` after `ImageOps.exif_transpose`, because checkpoints were trained and
 * reference numbers were computed on them. What that takes:
 *
 * - Embedded colour profiles are ignored, as Pillow does; libvips would convert to sRGB.
 * - CMYK is converted by Pillow's plain formula; libvips would use a press profile.
 * - Alpha is dropped, not blended.
 *
 * One difference is meant: 16-bit grey is scaled to 8 bits, where Pillow clips it to white.
 */
import sharp from 'sharp';
import { DataError } from '../../core/index.ts';
import type { DecodeImage, EncodeImage, InspectImage } from '../types.ts';
import { readJpegHeader } from './jpeg-header.ts';

// One thread per picture: the pictures of a batch are what runs side by side. Nothing is decoded twice.
sharp.concurrency(1);
sharp.cache(false);

/** Warnings of a decoder (stray bytes) are let pass as Pillow does; data that is missing or wrong is not. */
const input = { failOn: 'error', ignoreIcc: true } as const;

export const decodeImage: DecodeImage = async (bytes, options = {}) => {
  try {
    const header = readJpegHeader(bytes);
    const plainJpeg = header !== undefined && header.components < 4;
    const upright = options.orientation === 'ignore' || (plainJpeg && !header.hasExif);
    const image = sharp(bytes, { ...input, autoOrient: !upright });
    const found = plainJpeg ? undefined : await image.metadata();
    if (found) requirePixels(found.format);
    const isCmyk = found?.space === 'cmyk';
    if (isCmyk) image.pipelineColourspace('cmyk').toColourspace('cmyk');
    // Each step costs a pass over the pixels, and most pictures are plain JPEGs.
    else if (!plainJpeg) image.toColourspace('srgb').removeAlpha();
    const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
    const { height, width, channels } = info;
    return { height, width, data: isCmyk ? fromCmyk(data, channels) : toRgb(data, channels) };
  } catch (error) {
    throw unreadable(error, bytes);
  }
};

export const inspectImage: InspectImage = async (bytes) => {
  try {
    const { format, width, height, autoOrient, orientation = 1 } = await sharp(bytes, input).metadata();
    requirePixels(format);
    return {
      format,
      height: autoOrient.height,
      width: autoOrient.width,
      stored: { height, width },
      orientation,
    };
  } catch (error) {
    throw unreadable(error, bytes);
  }
};

export const encodeImage: EncodeImage = async (image, format) => {
  const { height, width, data } = image;
  const picture = sharp(data, { raw: { height, width, channels: 3 } });
  const encoded =
    format === 'png'
      ? picture.png({ compressionLevel: 6 })
      : format === 'jpeg'
        ? picture.jpeg({ quality: 92 })
        : picture.webp({ quality: 90 });
  return own(await encoded.toBuffer());
};

/** What holds pixels. libvips draws SVG too, whose size is anything that its text says, and pages would not. */
const pictureFormats = new Set(['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif']);

function requirePixels(format: string): void {
  if (!pictureFormats.has(format)) throw new Error(`${format} is no picture of pixels`);
}

function toRgb(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return own(data);
  const pixels = data.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    const from = i * channels;
    rgb[i * 3] = data[from]!;
    rgb[i * 3 + 1] = data[channels > 2 ? from + 1 : from]!;
    rgb[i * 3 + 2] = data[channels > 2 ? from + 2 : from]!;
  }
  return rgb;
}

function fromCmyk(data: Uint8Array, channels: number): Uint8Array {
  const pixels = data.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    const light = 255 - data[i * channels + 3]!;
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = light - scaled(data[i * channels + c]!, light);
  }
  return rgb;
}

/** a · b / 255, rounded, in integers, as Pillow's MULDIV255. */
function scaled(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/** Bytes in a buffer of their own, which may be handed to another thread. */
function own(data: Uint8Array): Uint8Array {
  const { buffer, byteLength } = data;
  return byteLength === buffer.byteLength ? new Uint8Array(buffer, 0, byteLength) : new Uint8Array(data);
}

function unreadable(error: unknown, bytes: Uint8Array): DataError {
  const reason = error instanceof Error ? error.message.split('\n')[0]! : String(error);
  return new DataError({
    code: 'image_unreadable',
    expected: 'a JPEG, PNG, WebP, GIF, TIFF or AVIF picture that is whole',
    received: `${bytes.length} bytes: ${reason}`,
    fix: 'replace or remove the picture',
    cause: error,
  });
}
