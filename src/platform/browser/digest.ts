/** SHA-256 and its keyed form, by WebCrypto: all that a page has. */
import type { Hmac, Sha256 } from '../types.ts';

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

export const sha256: Sha256 = async (text) =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', bytesOf(text)));

export const hmacSha256: Hmac = async (key, text) => {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('raw', new Uint8Array(key), algorithm, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, bytesOf(text)));
};
