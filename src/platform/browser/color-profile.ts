/**
 * Whether a picture may say how its numbers are meant as colours (an ICC profile, PNG's colour chunks). A model sees the
 * numbers, people the colours, so a bitmap for one is none for the other. Only JPEG and PNG are looked into; every other
 * format may.
 */
import { jpegSegments } from '../jpeg-segments.ts';

const pngColors = ['iCCP', 'cICP', 'gAMA', 'cHRM'];

export function mayHaveProfile(bytes: Uint8Array): boolean {
  // APP2 holds an ICC profile, APP14 says what CMYK means.
  const first = jpegSegments(bytes).next();
  if (!first.done) return [...jpegSegments(bytes)].some(({ marker }) => marker === 0xe2 || marker === 0xee);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 16 || view.getUint32(0) !== 0x89504e47) return true;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (name === 'IDAT') return false;
    if (pngColors.includes(name)) return true;
    at += 12 + view.getUint32(at);
  }
  return true;
}
