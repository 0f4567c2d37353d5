/** What the tests of HTTP share: a server that breaks its answers, each in one way, and a client that is in a hurry. */
import { afterEach, beforeEach, expect } from 'vitest';
import { Http, type HttpOptions, type ObjectRead, readObject } from '../../src/storage/http/index.ts';
import { type Fault, FileServer } from './file-server.ts';

export let server: FileServer;
/** What was waited for. */
export let waits: { reason: string; wait: number }[];
export let http: Http;
/** What lies there as `a.bin`. */
export const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 251);

/** A server of its own for each test. */
export function useServer(): void {
  beforeEach(async () => {
    server = await FileServer.start();
    server.files.set('a.bin', bytes);
    readWith({ firstWait: 2, longestWait: 20, inactivity: 5000 });
  });
  afterEach(() => server.dispose());
}

/** Another client from here on. */
export function readWith(options: HttpOptions): void {
  waits = [];
  http = new Http({ ...options, onRetry: (event) => waits.push(event) });
}

/** One that takes silence of some milliseconds for a dead connection; a busy machine is silent for some hundred by itself. */
export const readImpatiently = (inactivity: number): void =>
  readWith({ firstWait: 2, longestWait: 20, inactivity });

/** `toEqual` takes half a second for so many bytes. */
export const same = (received: Uint8Array, expected: Uint8Array): void =>
  expect(Buffer.compare(received, expected)).toBe(0);

export const read = (changes: Partial<ObjectRead> = {}) =>
  readObject(http, {
    label: 'test://a.bin',
    address: async () => ({ url: `${server.url}/a.bin?X-Amz-Signature=s3cret` }),
    ...changes,
  });

export const failing = async (changes: Partial<ObjectRead> = {}) => {
  const error = await read(changes).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(Error);
  expect(String(error)).not.toContain('s3cret');
  return error as Error & { code: string; exitCode: number };
};

export const cut = (after: number, reset = false): Fault => ({ kind: 'cut', after, reset });
export const answer = (status: number, body = '', headers: Record<string, string> = {}): Fault => ({
  kind: 'answer',
  status,
  body,
  headers,
});
export const expired = answer(
  403,
  '<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>',
);
