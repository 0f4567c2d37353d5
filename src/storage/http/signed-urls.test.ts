/** Signed URLs: signed together, kept, renewed by time and when a server says so. */
import { expect, test } from 'vitest';
import { DataError } from '../../core/index.ts';
import type { SignedUrl } from '../volume.ts';
import { SignedUrls, type SignedUrlsOptions } from './index.ts';

function signer(life: number, options: SignedUrlsOptions = {}) {
  const clock = { now: 1_000_000 };
  const batches: string[][] = [];
  let serial = 0;
  const urls = new SignedUrls(
    async (paths) => {
      batches.push([...paths]);
      return paths.map((path): SignedUrl | Error => {
        if (path === 'missing') {
          return new DataError({ code: 'file_missing', expected: path, received: 'none', fix: 'none' });
        }
        serial++;
        return { url: `https://host/${path}?${serial}`, headers: {}, expires: clock.now + life };
      });
    },
    { now: () => clock.now, ...options },
  );
  return { urls, clock, batches };
}

test('what is wanted in one moment is signed in one batch, each path once', async () => {
  const { urls, batches } = signer(3600_000, { batch: 3 });
  const got = await Promise.all(['a', 'b', 'a', 'c', 'd'].map((path) => urls.get(path)));
  expect(batches).toEqual([['a', 'b', 'c'], ['d']]);
  expect(got[0]).toBe(got[2]);
  expect(await urls.get('b')).toBe(got[1]);
  expect(batches).toHaveLength(2);
});

test('a URL is exchanged before it expires', async () => {
  const { urls, clock, batches } = signer(600_000);
  const first = await urls.get('a');
  clock.now += 539_000;
  expect(await urls.get('a')).toBe(first);
  clock.now += 2000;
  expect((await urls.get('a')).url).not.toBe(first.url);
  expect(batches).toHaveLength(2);
});

test('short lives have short margins', async () => {
  const { urls, clock, batches } = signer(1000);
  await urls.get('a');
  clock.now += 700;
  await urls.get('a');
  expect(batches).toHaveLength(1);
  clock.now += 150;
  await urls.get('a');
  expect(batches).toHaveLength(2);
});

test('one that a server refused is forgotten, its successor is not', async () => {
  const { urls, batches } = signer(3600_000);
  const first = await urls.get('a');
  urls.forget('a', first);
  const second = await urls.get('a');
  expect(second.url).not.toBe(first.url);
  urls.forget('a', first);
  expect(await urls.get('a')).toBe(second);
  expect(batches).toHaveLength(2);
});

test('a path without a URL has an error of its own', async () => {
  const { urls } = signer(3600_000);
  const [good, bad] = await Promise.allSettled([urls.get('a'), urls.get('missing')]);
  expect(good.status).toBe('fulfilled');
  expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'file_missing' } });
});

test('keeps no more than it may: the least recently used goes', async () => {
  const { urls, batches } = signer(3600_000, { capacity: 2 });
  await urls.get('a');
  await urls.get('b');
  await urls.get('a');
  await urls.get('c');
  await urls.get('a');
  expect(batches).toHaveLength(3);
  await urls.get('b');
  expect(batches).toHaveLength(4);
});

test('a clock that is ahead of every expiry still reads', async () => {
  const { urls } = signer(-1000);
  expect((await urls.get('a')).url).toContain('https://host/a');
});
