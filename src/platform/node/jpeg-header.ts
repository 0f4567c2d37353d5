/**
 * What decides how a JPEG is decoded, read from its markers (ITU T.81, annex B) without a decoder: the number
 * of colour components, and whether there is an Exif segment that may turn the picture.
 */

export interface JpegHeader {
  /** 1 = grey, 3 = colour, 4 = CMYK. */
  readonly components: number;
  readonly hasExif: boolean;
}

/** Undefined for anything but a JPEG whose markers lead to its frame header. */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return undefined;
  let hasExif = false;
  for (let at = 2; at + 9 < bytes.length; ) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1]!;
    // Fill bytes, and markers that stand alone.
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += 2;
      continue;
    }
    const length = bytes[at + 2]! * 256 + bytes[at + 3]!;
    // "Exif" in an APP1 segment.
    if (marker === 0xe1 && bytes[at + 4] === 0x45 && bytes[at + 5] === 0x78) hasExif = true;
    // SOF0 … SOF15 without DHT, JPG and DAC: length, precision, height, width, components.
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { components: bytes[at + 9]!, hasExif };
    if (length < 2 || marker === 0xda) return undefined;
    at += 2 + length;
  }
  return undefined;
}
