/**
 * Pictures by the browser's own decoders, to the same pixels as Node's (`node/images.ts`), which are Pillow's.
 * Measured in Chromium 156 against them (`npm run test:browser`): JPEG (4:2:0, 4:4:4, progressive, grey), PNG of
 * every kind, WebP and GIF are equal to the last bit; lossy AVIF and CMYK JPEG differ by at most 1 of 255 in a part
 * of the pixels. What that takes:
 *
 * - `createImageBitmap` with `colorSpaceConversion: 'none'`: embedded profiles are ignored. `ImageDecoder` would
 *   give a JPEG's chroma without libjpeg's smooth upsampling, up to 86 of 255 away.
 * - Pictures without alpha are read from the bitmap's own memory where the browser hands it out (`opaque-pixels.ts`), else
 *   through a canvas.
 * - A canvas stores colour multiplied by alpha, which can't be undone. Where a picture has alpha it is read
 *   through WebGL instead, which does not multiply.
 * - Orientation is ours (`exif.ts`): browsers disagree about formats and can't be told to ignore it.
 *
 * Browsers don't read TIFF and HEIC (Safari does), nor SVG here; the error says so.
 */
import { imageSize } from 'image-size';
import { DataError, type Raster } from '../../core/index.ts';
import type { DecodeImage, EncodeImage, InspectImage } from '../types.ts';
import { contextOf } from './canvas.ts';
import { mayHaveProfile } from './color-profile.ts';
import { readOrientation, withoutOrientation } from './exif.ts';
import { foreignFormat } from './foreign-format.ts';
import { readOpaque } from './opaque-pixels.ts';
import { isOpaque, toRgb, toRgba, upright } from './pixels.ts';
import { readStraightAlpha } from './straight-alpha.ts';

const asStored = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' } as const;

export const decodeImage: DecodeImage = async (bytes, options = {}) => {
  const orientation = readOrientation(bytes);
  const turned = orientation.value > 1;
  const picture = turned ? withoutOrientation(bytes, orientation) : bytes;
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([picture as Uint8Array<ArrayBuffer>]), asStored);
  } catch (error) {
    throw unreadable(error, bytes);
  }
  try {
    const stored = (await readOpaque(bitmap)) ?? read(bitmap);
    return turned && options.orientation !== 'ignore' ? upright(stored, orientation.value) : stored;
  } finally {
    bitmap.close();
  }
};

/** The pixels of a bitmap, a frame of a camera for example; it is closed. */
export function rasterOf(bitmap: ImageBitmap): Raster {
  try {
    return read(bitmap);
  } finally {
    bitmap.close();
  }
}

/**
 * A file's pixels, upright, and the bitmap that they were read from: one decoding for a model and for a screen. No
 * bitmap where it does not look like the picture, because the picture is turned or has a colour profile.
 *
 * @param check is asked before the pixels are read, and may throw
 */
export async function decodeFile(
  file: Blob,
  check: (size: { readonly height: number; readonly width: number }) => void = () => {},
): Promise<{ readonly raster: Raster; readonly bitmap: ImageBitmap | undefined }> {
  // At the same time: to read a file costs a browser as much as a part of its decoding.
  const decoding = createImageBitmap(file, asStored).catch((error: unknown) => error);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const bitmap = await decoding;
  if (!(bitmap instanceof ImageBitmap)) throw unreadable(bitmap, bytes);
  try {
    check(bitmap);
  } catch (error) {
    bitmap.close();
    throw error;
  }
  if (readOrientation(bytes).value > 1) {
    bitmap.close();
    return { raster: await decodeImage(bytes), bitmap: undefined };
  }
  const raster = (await readOpaque(bitmap)) ?? read(bitmap);
  if (!mayHaveProfile(bytes)) return { raster, bitmap };
  bitmap.close();
  return { raster, bitmap: undefined };
}

/** One canvas for pictures of one size: the memory of a new one costs as much as reading it. */
let kept: OffscreenCanvasRenderingContext2D | undefined;
const largestKept = 4e6;

function read(bitmap: ImageBitmap): Raster {
  const { height, width } = bitmap;
  const fits = kept?.canvas.width === width && kept.canvas.height === height;
  const context = fits ? kept! : contextOf(width, height);
  kept = width * height <= largestKept ? context : undefined;
  // Nothing of the picture before may be seen through this one.
  context.globalCompositeOperation = 'copy';
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, width, height).data;
  // Without WebGL, colour below alpha is as exact as alpha lets it be.
  const straight = isOpaque(pixels) ? pixels : (readStraightAlpha(bitmap) ?? pixels);
  return { height, width, data: toRgb(straight) };
}

export const inspectImage: InspectImage = async (bytes) => {
  let header: ReturnType<typeof imageSize>;
  try {
    header = imageSize(bytes);
  } catch (error) {
    throw unreadable(error, bytes);
  }
  const { width, height, type = 'unknown' } = header;
  const orientation = readOrientation(bytes).value;
  const turned = orientation > 4;
  return {
    format: type === 'jpg' ? 'jpeg' : type,
    height: turned ? width : height,
    width: turned ? height : width,
    stored: { height, width },
    orientation,
  };
};

export const encodeImage: EncodeImage = async (image, format) => {
  const { height, width } = image;
  const context = contextOf(width, height);
  context.putImageData(new ImageData(toRgba(image), width, height), 0, 0);
  const type = `image/${format}`;
  const quality = { jpeg: 0.92, webp: 0.9, png: 1 }[format];
  const blob = await context.canvas.convertToBlob({ type, quality });
  // A browser that can't write a format writes PNG instead, without a word.
  if (blob.type !== type) throw new Error(`this browser does not write ${format} pictures`);
  return new Uint8Array(await blob.arrayBuffer());
};

function unreadable(error: unknown, bytes: Uint8Array): DataError {
  const foreign = foreignFormat(bytes);
  const reason = error instanceof Error ? error.message.split('\n')[0]! : String(error);
  return new DataError({
    code: 'image_unreadable',
    expected: 'a JPEG, PNG, WebP, GIF or AVIF picture that is whole',
    received:
      bytes.length === 0
        ? 'an empty file'
        : foreign
          ? `${bytes.length} bytes of ${foreign}`
          : `${bytes.length} bytes: ${reason}`,
    fix: foreign
      ? `save it as PNG or JPEG: browsers do not read ${foreign}${foreign === 'SVG' ? ' as pixels' : ''}`
      : 'replace or remove the picture',
    cause: error,
  });
}
