/**
 * One thing that the cache keeps, as a file: a mark, the length, a sha256 over the content, the content. A file
 * that was cut off, or whose bytes have changed, is told from a good one and counts as missing.
 */
const mark = new TextEncoder().encode('OCELLIc1');
/** Mark, length (8 bytes, little-endian), sha256. */
export const headLength = mark.length + 8 + 32;

/** The content is copied at once: its owner may hand it to another thread meanwhile. */
export async function packEntry(content: Uint8Array): Promise<Uint8Array> {
  const file = new Uint8Array(headLength + content.length);
  file.set(mark);
  new DataView(file.buffer).setBigUint64(mark.length, BigInt(content.length), true);
  file.set(content, headLength);
  file.set(await sha256(file.subarray(headLength)), mark.length + 8);
  return file;
}

/** The content; undefined when the file is not whole. */
export async function unpackEntry(file: Uint8Array): Promise<Uint8Array | undefined> {
  if (file.length < headLength || mark.some((byte, i) => file[i] !== byte)) return undefined;
  const view = new DataView(file.buffer, file.byteOffset);
  if (view.getBigUint64(mark.length, true) !== BigInt(file.length - headLength)) return undefined;
  const content = file.slice(headLength);
  const digest = await sha256(content);
  return digest.every((byte, i) => file[mark.length + 8 + i] === byte) ? content : undefined;
}

/** The name of an entry: a digest of everything that decides about the content. */
export async function entryName(parts: readonly string[]): Promise<string> {
  const digest = await sha256(new TextEncoder().encode(JSON.stringify(parts)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}
