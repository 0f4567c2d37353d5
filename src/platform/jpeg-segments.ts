/** Walks a JPEG's markers (ITU T.81, annex B) without a decoder; what the segments mean is up to the caller. */

export interface JpegSegment {
  /** The byte after 0xff: 0xe1 is APP1, 0xc0 a frame header, 0xda the start of the picture. */
  readonly marker: number;
  /** Where the segment's contents begin, after its length. */
  readonly at: number;
}

/** The segments before the picture's data; none for anything but a JPEG. Ends where the markers lead nowhere. */
export function* jpegSegments(bytes: Uint8Array): Generator<JpegSegment> {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return;
  for (let at = 2; at + 3 < bytes.length; ) {
    if (bytes[at] !== 0xff) return;
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
    if (marker === 0xda || marker === 0xd9) return;
    const length = bytes[at + 2]! * 256 + bytes[at + 3]!;
    if (length < 2) return;
    yield { marker, at: at + 4 };
    at += 2 + length;
  }
}
