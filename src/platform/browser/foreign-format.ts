/**
 * Pictures that people have and browsers don't read, by their first bytes: what to do about them is better said by name. TIFF
 * comes from scanners and cameras, HEIC (ISO/IEC 23008-12, `ftyp` brands) from phones, SVG is a drawing without pixels of its own.
 */

/** `HEIC`; undefined for what a browser reads, and for what is no picture. */
export function foreignFormat(bytes: Uint8Array): 'TIFF' | 'HEIC' | 'SVG' | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 256));
  if (start.startsWith('II*\0') || start.startsWith('MM\0*')) return 'TIFF';
  // The brand of AVIF is avif; that of a general file (mif1, msf1) may be either, and the compatible ones behind it decide.
  if (start.slice(4, 8) === 'ftyp') {
    const end = Math.min(start.length, Math.max(16, start.charCodeAt(2) * 256 + start.charCodeAt(3)));
    if (/^(?:....)*?(?:hei[cxms]|hev[cxms])/s.test(start.slice(8, end))) return 'HEIC';
  }
  if (/^(?:\u00EF\u00BB\u00BF)?\s*(?:<\?xml[^>]*>|<!--.*?-->|<!DOCTYPE[^>]*>|\s)*<svg[\s>]/s.test(start))
    return 'SVG';
  return undefined;
}
