/** The gateway's answers as its client reads them: listings that are not whole, and other servers. */
import { expect, test } from 'vitest';
import { Http } from '../http/index.ts';
import { GatewayClient } from './client.ts';

const answering = (body: string, status = 200): GatewayClient =>
  new GatewayClient('http://127.0.0.1:1/', new Http({ fetcher: async () => new Response(body, { status }) }));
const entry = (path: string): string => `{"path":"${path}","size":1,"version":"v"}\n`;

test('a listing is whole when its last line counts its entries', async () => {
  const found = await answering(`${entry('a')}${entry('b')}{"end":2}\n`).list('s3://b', '');
  expect(found.map(({ path }) => path)).toEqual(['a', 'b']);
  expect(await answering('{"end":0}\n').list('s3://b', '')).toEqual([]);
});

test.each([
  ['no end', `${entry('a')}${entry('b')}`],
  ['nothing', ''],
  ['an end that counts more', `${entry('a')}{"end":2}\n`],
])('a listing with %s is an error, not a smaller data set', async (_, body) => {
  await expect(answering(body).list('s3://b', '')).rejects.toMatchObject({
    code: 'listing_truncated',
    exitCode: 5,
  });
});

test('an error in the middle of a listing is that error', async () => {
  const error = { kind: 'RemoteError', code: 'access_denied', expected: 'a', received: 'b', fix: 'c' };
  const body = `${entry('a')}${JSON.stringify({ error })}\n`;
  await expect(answering(body).list('s3://b', '')).rejects.toMatchObject({
    code: 'access_denied',
    exitCode: 5,
  });
});

test.each([
  ['<html>hello</html>', 200],
  ['not found', 404],
])('another server is told as such: %s', async (body, status) => {
  await expect(answering(body, status).info()).rejects.toMatchObject({ code: 'gateway_missing' });
});
