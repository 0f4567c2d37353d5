import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fetchPicture } from './transfer.ts';

beforeEach(() => {
  vi.stubGlobal('document', { baseURI: 'https://page.example/' });
});
afterEach(() => vi.unstubAllGlobals());

const answer = (body: BodyInit, init?: ResponseInit): void => {
  vi.stubGlobal('fetch', async () => new Response(body, init));
};
const look = () => fetchPicture('/picture.png', new AbortController().signal);

test('a picture keeps its bytes and its type', async () => {
  answer(new Uint8Array([1, 2, 3]), { headers: { 'Content-Type': 'image/png' } });
  const picture = await look();
  expect(picture.type).toBe('image/png');
  expect([...new Uint8Array(await picture.arrayBuffer())]).toEqual([1, 2, 3]);
});

test('what has no length and no end is given up at the limit', async () => {
  let sent = 0;
  let cancelled = false;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    sent += 10e6;
    controller.enqueue(new Uint8Array(10e6));
  };
  answer(
    new ReadableStream({
      pull,
      cancel: () => {
        cancelled = true;
      },
    }),
  );
  await expect(look()).rejects.toMatchObject({ code: 'picture_too_large' });
  expect(cancelled).toBe(true);
  expect(sent).toBeLessThan(150e6);
});

test('an answer that breaks off is told with what came of it', async () => {
  let pieces = 0;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    if (pieces++ === 0) controller.enqueue(new Uint8Array(5));
    else controller.error(new TypeError('network error'));
  };
  answer(new ReadableStream({ pull }));
  await expect(look()).rejects.toThrow('5 bytes, then network error');
});

test.each([
  ['status 404', { status: 404 }, 'picture_missing'],
  ['a length above the limit', { headers: { 'Content-Length': '200000000' } }, 'picture_too_large'],
])('%s', async (_, init, code) => {
  answer('', init);
  await expect(look()).rejects.toMatchObject({ code });
});
