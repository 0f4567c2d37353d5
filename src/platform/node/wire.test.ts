/** What goes over the wire in Node: bodies both ways, encodings, abortion before and during an answer. */

import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { WireAnswer, WireRequest } from '../wire.ts';
import { sendRequest } from './wire.ts';

let server: Server;
let url: string;
let [asked, closed] = [0, 0];
const large = Buffer.alloc(20 << 20, 7);
const packed = gzipSync(randomBytes(1 << 20));
/** Until the server has noticed. */
const patience = { timeout: 30_000, interval: 5 };

beforeAll(async () => {
  server = createServer((request, response) => {
    asked++;
    response.on('close', () => {
      if (!response.writableFinished) closed++;
    });
    if (request.url === '/large') response.end(large);
    else if (request.url === '/gzip') {
      response.writeHead(200, { 'Content-Encoding': 'gzip', 'X-Two': ['a', 'b'] }).end(gzipSync('packed'));
    } else if (request.url?.startsWith('/packed/')) {
      const bytes = Buffer.from(packed);
      if (request.url === '/packed/spoiled') bytes.fill(7, 1000);
      response.writeHead(200, { 'Content-Encoding': 'gzip' });
      if (request.url === '/packed/begun') response.write(bytes.subarray(0, bytes.length / 2));
      else response.end(request.url === '/packed/short' ? bytes.subarray(0, bytes.length / 2) : bytes);
    } else if (request.url === '/moved') response.writeHead(302, { Location: '/large' }).end();
    else if (request.url === '/begun') response.write('some');
    else if (request.url !== '/silent') request.pipe(response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const send = (path: string, changes: Partial<WireRequest> = {}): Promise<WireAnswer> =>
  sendRequest({
    url: url + path,
    method: 'GET',
    headers: {},
    signal: new AbortController().signal,
    ...changes,
  });

async function whole({ chunks }: WireAnswer): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const chunk of chunks) pieces.push(chunk);
  return Buffer.concat(pieces);
}

test('bytes come as they were sent, decoded where the server encoded them; redirects are answers', async () => {
  expect(Buffer.compare(await whole(await send('/large')), large)).toBe(0);
  const packed = await send('/gzip');
  expect(packed.headers.get('X-TWO')).toBe('a, b');
  expect(packed.headers.get('none')).toBeNull();
  expect(String(await whole(packed))).toBe('packed');
  const moved = await send('/moved');
  expect([moved.status, moved.headers.get('location')]).toEqual([302, '/large']);
  const echo = await send('/echo', { method: 'PUT', body: new TextEncoder().encode('grüße') });
  expect(String(await whole(echo))).toBe('grüße');
});

test('a slow reader does not fill the memory', async () => {
  const before = process.memoryUsage().arrayBuffers;
  const answer = await send('/large');
  await new Promise((done) => setTimeout(done, 200));
  // The rest waits on the other side.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20);
  expect((await whole(answer)).byteLength).toBe(large.byteLength);
});

test('a signal ends it: before, while nobody answers, and in mid-answer', async () => {
  const reason = new Error('enough');
  await expect(send('/large', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  for (const path of ['/silent', '/begun']) {
    const stop = new AbortController();
    const before = { asked, closed };
    const reading = send(path, { signal: stop.signal }).then(whole);
    reading.catch(() => {});
    await expect.poll(() => asked, patience).toBe(before.asked + 1);
    stop.abort(reason);
    await expect(reading).rejects.toBe(reason);
    await expect.poll(() => closed, patience).toBe(before.closed + 1);
  }
});

test('what is packed and spoiled, ends early or is given up fails for its reader, and for nobody else', async () => {
  await expect(send('/packed/spoiled').then(whole)).rejects.toThrow(/invalid/);
  await expect(send('/packed/short').then(whole)).rejects.toThrow(/unexpected end/);
  for (const isRead of [true, false]) {
    const stop = new AbortController();
    const before = closed;
    const { chunks } = await send('/packed/begun', { signal: stop.signal });
    const reader = chunks[Symbol.asyncIterator]();
    if (isRead) expect((await reader.next()).done).toBe(false);
    stop.abort(new Error('enough'));
    await expect.poll(() => closed, patience).toBe(before + 1);
    await expect(
      (async () => {
        while (!(await reader.next()).done);
      })(),
    ).rejects.toBe(stop.signal.reason);
  }
  for await (const chunk of (await send('/packed/whole')).chunks) {
    expect(chunk.byteLength).toBeGreaterThan(0);
    break;
  }
});

test('nobody there is an error with a code', async () => {
  await expect(sendRequest({ ...base, url: 'http://127.0.0.1:1/' })).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  });
});

const base = { url: '', method: 'GET', headers: {}, signal: new AbortController().signal };
