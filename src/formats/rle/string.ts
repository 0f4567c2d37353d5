/**
 * COCO's compressed counts: from the fourth run on the difference to the run two before, in groups of five
 * bits, the lowest first; bit 0x20 says that more groups follow, negative numbers are two's complement, and
 * 48 is added to make it printable.
 */
import { DataError } from '../../core/index.ts';

/** Seven groups hold 35 bits; more would not be a run length of any image. */
const maxGroups = 7;

export function countsToString(counts: ArrayLike<number>): string {
  const characters: number[] = [];
  for (let i = 0; i < counts.length; i++) {
    let value = counts[i]! - (i > 2 ? counts[i - 2]! : 0);
    for (let more = true; more; ) {
      const group = value & 0x1f;
      value >>= 5;
      more = group & 0x10 ? value !== -1 : value !== 0;
      characters.push((more ? group | 0x20 : group) + 48);
    }
  }
  let text = '';
  // In slices: the argument list of one call is limited.
  for (let i = 0; i < characters.length; i += 8192) {
    text += String.fromCharCode(...characters.slice(i, i + 8192));
  }
  return text;
}

export function countsFromString(text: string): Uint32Array {
  const counts = new Uint32Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; ) {
    let value = 0;
    let groups = 0;
    for (let more = true; more; ) {
      const code = text.charCodeAt(i) - 48;
      if (!(code >= 0 && code < 64)) throw damaged(text, i);
      if (groups === maxGroups) throw damaged(text, i);
      value += (code & 0x1f) * 32 ** groups;
      groups++;
      i++;
      more = (code & 0x20) !== 0;
      if (!more && code & 0x10) value -= 32 ** groups;
    }
    if (length > 2) value += counts[length - 2]!;
    if (value < 0 || value > 0xffffffff) throw damaged(text, i);
    counts[length++] = value;
  }
  return counts.slice(0, length);
}

function damaged(text: string, position: number): DataError {
  return new DataError({
    code: 'rle_string',
    expected: "COCO's compressed run lengths",
    received: `"${text.length > 60 ? `${text.slice(0, 60)}…` : text}", not readable at character ${position + 1} of ${text.length}`,
    fix: 'write the mask anew, for example with pycocotools.mask.encode; a JSON file keeps backslashes doubled',
  });
}
