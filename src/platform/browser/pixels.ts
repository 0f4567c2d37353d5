/** Between our RGB and the RGBA of canvases. */
import type { Raster } from '../../core/index.ts';

export function toRgba({ height, width, data }: Raster): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(height * width * 4);
  for (let i = 0, p = 0; i < pixels.length; i += 4, p += 3) {
    pixels[i] = data[p]!;
    pixels[i + 1] = data[p + 1]!;
    pixels[i + 2] = data[p + 2]!;
    pixels[i + 3] = 255;
  }
  return pixels;
}

/** Alpha is dropped. */
export function toRgb(rgba: Uint8Array | Uint8ClampedArray): Uint8Array {
  return rgba.byteOffset % 4 === 0 && rgba.length % 16 === 0 && isLittleEndian
    ? toRgbByWords(rgba)
    : toRgbByBytes(rgba);
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Four pixels at once: four words with alpha are three without. */
function toRgbByWords(rgba: Uint8Array | Uint8ClampedArray): Uint8Array {
  const from = new Uint32Array(rgba.buffer, rgba.byteOffset, rgba.length / 4);
  const data = new Uint32Array((from.length / 4) * 3);
  for (let i = 0, p = 0; i < from.length; i += 4, p += 3) {
    const second = from[i + 1]!;
    const third = from[i + 2]!;
    data[p] = (from[i]! & 0xffffff) | (second << 24);
    data[p + 1] = ((second >>> 8) & 0xffff) | (third << 16);
    data[p + 2] = ((third >>> 16) & 0xff) | (from[i + 3]! << 8);
  }
  return new Uint8Array(data.buffer);
}

/** The same for pixels in the order blue, green, red, and a fourth byte that says nothing. */
export function bgrToRgb(bgrx: Uint8Array): Uint8Array {
  return bgrx.byteOffset % 4 === 0 && bgrx.length % 16 === 0 && isLittleEndian
    ? bgrToRgbByWords(bgrx)
    : bgrToRgbByBytes(bgrx);
}

function bgrToRgbByWords(bgrx: Uint8Array): Uint8Array {
  const from = new Uint32Array(bgrx.buffer, bgrx.byteOffset, bgrx.length / 4);
  const data = new Uint32Array((from.length / 4) * 3);
  for (let i = 0, p = 0; i < from.length; i += 4, p += 3) {
    const first = from[i]!;
    const second = from[i + 1]!;
    const third = from[i + 2]!;
    const fourth = from[i + 3]!;
    data[p] =
      ((first >>> 16) & 0xff) | (first & 0xff00) | ((first & 0xff) << 16) | ((second & 0xff0000) << 8);
    data[p + 1] =
      ((second >>> 8) & 0xff) | ((second & 0xff) << 8) | (third & 0xff0000) | ((third & 0xff00) << 16);
    data[p + 2] =
      (third & 0xff) | ((fourth & 0xff0000) >>> 8) | ((fourth & 0xff00) << 8) | ((fourth & 0xff) << 24);
  }
  return new Uint8Array(data.buffer);
}

function bgrToRgbByBytes(bgrx: Uint8Array): Uint8Array {
  const data = new Uint8Array((bgrx.length / 4) * 3);
  for (let i = 0, p = 0; i < bgrx.length; i += 4, p += 3) {
    data[p] = bgrx[i + 2]!;
    data[p + 1] = bgrx[i + 1]!;
    data[p + 2] = bgrx[i]!;
  }
  return data;
}

function toRgbByBytes(rgba: ArrayLike<number>): Uint8Array {
  const data = new Uint8Array((rgba.length / 4) * 3);
  for (let i = 0, p = 0; i < rgba.length; i += 4, p += 3) {
    data[p] = rgba[i]!;
    data[p + 1] = rgba[i + 1]!;
    data[p + 2] = rgba[i + 2]!;
  }
  return data;
}

/** Whether no pixel lets anything through. */
export function isOpaque(rgba: Uint8ClampedArray): boolean {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return false;
  return true;
}

/** Turns and mirrors a stored picture as its EXIF orientation (1–8) says. */
export function upright(image: Raster, orientation: number): Raster {
  if (orientation <= 1 || orientation > 8) return image;
  const { height, width, data } = image;
  const turned = orientation > 4;
  const [newHeight, newWidth] = turned ? [width, height] : [height, width];
  const result = new Uint8Array(data.length);
  for (let y = 0, o = 0; y < newHeight; y++) {
    for (let x = 0; x < newWidth; x++, o += 3) {
      const [row, column] = turned ? [x, y] : [y, x];
      const mirrorX = [2, 3, 7, 8].includes(orientation);
      const mirrorY = [3, 4, 6, 7].includes(orientation);
      const from = ((mirrorY ? height - 1 - row : row) * width + (mirrorX ? width - 1 - column : column)) * 3;
      result[o] = data[from]!;
      result[o + 1] = data[from + 1]!;
      result[o + 2] = data[from + 2]!;
    }
  }
  return { height: newHeight, width: newWidth, data: result };
}
