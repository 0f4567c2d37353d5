/**
 * What decides how a JPEG is decoded, read from its markers: the number of colour components, and whether there is
 * an Exif segment that may turn the picture.
 */
import { jpegSegments } from '../jpeg-segments.ts';

export interface JpegHeader {
  /** 1 = grey, 3 = colour, 4 = CMYK. */
  readonly components: number;
  readonly hasExif: boolean;
}

/** Undefined for anything but a JPEG whose markers lead to its frame header. */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  let hasExif = false;
  for (const { marker, at } of jpegSegments(bytes)) {
    // "Exif" in an APP1 segment.
    if (marker === 0xe1 && bytes[at] === 0x45 && bytes[at + 1] === 0x78) hasExif = true;
    // SOF0 … SOF15 without DHT, JPG and DAC: precision, height, width, components.
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    const components = bytes[at + 5];
    if (isFrame && components !== undefined) return { components, hasExif };
  }
  return undefined;
}
