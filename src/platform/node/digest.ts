/** SHA-256 and its keyed form, at once: WebCrypto would hand each short text to a thread and wait for it. */
import { createHash, createHmac } from 'node:crypto';
import type { Hmac, Sha256 } from '../types.ts';

export const sha256: Sha256 = (text) => createHash('sha256').update(text).digest();

export const hmacSha256: Hmac = (key, text) => createHmac('sha256', key).update(text).digest();
