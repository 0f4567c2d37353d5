/**
 * The EXIF orientation of a picture: where it stands in JPEG, PNG and WebP files (Exif 2.32, section 4.6.4: tag
 * 0x0112 of the first directory). Browsers apply it to some formats and can't be told not to, so a picture that
 * is turned is decoded from a copy in which the tag says "upright", and turned by us.
 *
 * AVIF turns by properties of its container, which every decoder applies: nothing is left to do there.
 */

import { jpegSegments } from '../jpeg-segments.ts';

export interface Orientation {
  /** 1–8. */
  readonly value: number;
  /** Where its two bytes lie, and in which order; undefined where the file has no tag. */
  readonly at?: { readonly offset: number; readonly littleEndian: boolean } | undefined;
}

const none: Orientation = { value: 1 };

export function readOrientation(bytes: Uint8Array): Orientation {
  const start = exifStart(bytes);
  return start === undefined ? none : readTag(bytes, start);
}

/** A copy whose tag says "upright". A PNG's checksum no longer fits then: decoders leave such a chunk out. */
export function withoutOrientation(bytes: Uint8Array, { at }: Orientation): Uint8Array {
  if (!at) return bytes;
  const copy = bytes.slice();
  new DataView(copy.buffer).setUint16(at.offset, 1, at.littleEndian);
  return copy;
}

function readTag(bytes: Uint8Array, start: number): Orientation {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const littleEndian = view.getUint16(start) === 0x4949;
    const directory = start + view.getUint32(start + 4, littleEndian);
    const count = view.getUint16(directory, littleEndian);
    for (let i = 0; i < count; i++) {
      const entry = directory + 2 + i * 12;
      if (view.getUint16(entry, littleEndian) !== 0x0112) continue;
      const value = view.getUint16(entry + 8, littleEndian);
      return value >= 1 && value <= 8 ? { value, at: { offset: entry + 8, littleEndian } } : none;
    }
  } catch (error) {
    // A directory that leads out of the file says nothing.
    if (!(error instanceof RangeError)) throw error;
  }
  return none;
}

/** Where the TIFF header of the EXIF data begins. */
function exifStart(bytes: Uint8Array): number | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegExif(bytes);
  if (text(bytes, 1, 3) === 'PNG') return pngExif(bytes);
  if (text(bytes, 0, 4) === 'RIFF' && text(bytes, 8, 4) === 'WEBP') return webpExif(bytes);
  return undefined;
}

function jpegExif(bytes: Uint8Array): number | undefined {
  for (const { marker, at } of jpegSegments(bytes)) {
    // "Exif" and two zeros stand before the header.
    if (marker === 0xe1 && text(bytes, at, 4) === 'Exif') return at + 6;
  }
  return undefined;
}

function pngExif(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length; ) {
    if (text(bytes, at + 4, 4) === 'eXIf') return at + 8;
    at += 12 + view.getUint32(at);
  }
  return undefined;
}

function webpExif(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    if (text(bytes, at, 4) === 'EXIF') return text(bytes, at + 8, 4) === 'Exif' ? at + 14 : at + 8;
    at += 8 + size + (size % 2);
  }
  return undefined;
}

function text(bytes: Uint8Array, start: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(start, start + length));
}
