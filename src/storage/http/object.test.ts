/** Reads over HTTP against a server that breaks its answers: what comes in the end is what lies there, or an error says why. */
import { describe, expect, test } from 'vitest';
import type { Fault } from '../../../tests/support/file-server.ts';
import {
  answer,
  bytes,
  cut,
  expired,
  failing,
  http,
  read,
  readImpatiently,
  same,
  server,
  useServer,
  waits,
} from '../../../tests/support/http-reads.ts';
import { objectSize } from './index.ts';

useServer();

describe('what comes in the end is what lies there', () => {
  const faults: [string, Fault[]][] = [
    ['nothing', []],
    ['an end in the middle', [cut(1000)]],
    ['several', [cut(1000), cut(1), cut(50_000)]],
    ['a reset', [cut(70_000, true)]],
    ['a reset before the first byte', [cut(0, true)]],
    ['a stall', [{ kind: 'stall', after: 3000 }]],
    ['a stall before the first byte', [{ kind: 'stall', after: 0 }]],
    ['more breaks than patience has, each of them farther', Array.from({ length: 12 }, () => cut(2000))],
    ['500', [answer(500)]],
    ['503 with an HTML page, then 429', [answer(503, '<html>busy</html>'), answer(429)]],
    ['408', [answer(408)]],
    ['a server that forgets ranges after a break', [cut(1000), { kind: 'ignore-range' }]],
    ['one fault after another', [cut(10), answer(502), { kind: 'stall', after: 20 }, cut(5, true)]],
  ];
  test.each(faults)('%s', async (_, list) => {
    if (list.some(({ kind }) => kind === 'stall')) readImpatiently(200);
    server.faults = [...list];
    const whole = await read();
    same(whole.bytes, bytes);
    expect(whole.size).toBe(bytes.byteLength);
    server.faults = [...list];
    const range = { start: 500, end: 90_001 };
    same((await read({ range })).bytes, bytes.subarray(500, 90_001));
    expect(server.faults).toEqual([]);
    const failures = 2 * list.filter(({ kind }) => kind !== 'ignore-range').length;
    expect(waits.length).toBeGreaterThanOrEqual(failures);
  });

  test('a server that ignores every range', async () => {
    server.faults = Array.from({ length: 3 }, () => ({ kind: 'ignore-range' as const }));
    same((await read({ range: { start: 10, end: 20 } })).bytes, bytes.subarray(10, 20));
    // From the first byte on nothing is skipped, and what comes after is still not wanted.
    same((await read({ range: { start: 0, end: 20 } })).bytes, bytes.subarray(0, 20));
    const address = async () => ({ url: `${server.url}/a.bin` });
    expect((await objectSize(http, { label: 'test://a.bin', address })).size).toBe(bytes.byteLength);
    expect(server.faults).toEqual([]);
  });
});

test('a read goes on where it stopped, and only with the same version', async () => {
  server.faults = [cut(1000)];
  await read();
  expect(server.requests.map(({ range }) => range)).toEqual([undefined, 'bytes=1000-99999']);
  expect(server.requests[1]!.ifMatch).toMatch(/^"[0-9a-f]{32}"$/);
});

test.each([false, true])(
  'a file that changes under a read is read again from its start (without ETags: %s)',
  async (without) => {
    const other = bytes.map((value) => 255 - value);
    server.withoutETags = without;
    // Without a version the other length tells.
    const next = without ? other.subarray(0, 90_000) : other;
    server.faults = [cut(1000), { kind: 'replace', bytes: next }];
    if (without) expect((await failing()).code).toBe('file_changed');
    else same((await read()).bytes, next);
  },
);

test('a server that gives less than was asked for is asked for the rest', async () => {
  const text = '0123456789'.repeat(100);
  server.files.set('t.txt', new TextEncoder().encode(text));
  const part = (from: number, to: number): Fault =>
    answer(206, text.slice(from, to), { 'Content-Range': `bytes ${from}-${to - 1}/1000` });
  server.faults = [part(500, 600), part(600, 650)];
  const address = async () => ({ url: `${server.url}/t.txt` });
  const found = await read({ address, range: { start: 500, end: 900 } });
  expect(new TextDecoder().decode(found.bytes)).toBe(text.slice(500, 900));
  expect(server.requests.map(({ range }) => range)).toEqual([
    'bytes=500-899',
    'bytes=600-899',
    'bytes=650-899',
  ]);
});

test('a version that is not there any more is an error', async () => {
  const { etag } = await read();
  server.files.set('a.bin', bytes.subarray(1));
  expect((await failing({ etag, range: { start: 0, end: 10 } })).code).toBe('file_changed');
  expect((await failing({ etag })).code).toBe('file_changed');
});

test('an address that expired is exchanged; one that stays so is an error', async () => {
  let signed = 0;
  const address = async () => ({ url: `${server.url}/a.bin?sig=${signed}` });
  const renew = () => {
    signed++;
    return true;
  };
  server.faults = [expired, cut(1000), expired];
  same((await read({ address, renew })).bytes, bytes);
  expect(signed).toBe(2);
  server.faults = Array.from({ length: 10 }, () => expired);
  expect(await failing({ address, renew })).toMatchObject({ code: 'access_expired', exitCode: 5 });
  server.faults = [expired];
  expect(await failing()).toMatchObject({ code: 'access_expired' });
});

test.each([
  [answer(404), 'file_missing', 3],
  [answer(403, '<Error><Code>AccessDenied</Code><Message>no</Message></Error>'), 'access_denied', 5],
  [answer(401, '{"error_code":"UNAUTHENTICATED","message":"no"}'), 'access_denied', 5],
  [answer(403, '<Error><Code>RequestTimeTooSkewed</Code></Error>'), 'clock_skew', 5],
  [answer(400, '<Error><Code>ExpiredToken</Code><Message>gone</Message></Error>'), 'access_expired', 5],
  [
    answer(
      403,
      '\uFEFF<?xml version="1.0"?><Error><Code>AuthenticationFailed</Code><Message>no</Message><AuthenticationErrorDetail>Signature not valid in the specified time frame: Start</AuthenticationErrorDetail></Error>',
    ),
    'access_expired',
    5,
  ],
  [answer(302, '', { Location: 'http://169.254.169.254/latest' }), 'redirect_refused', 5],
  [answer(418, 'teapot'), 'remote_refused', 5],
  // MinIO, Ceph, Azurite, and who passes on the words of its disk: told at once.
  [answer(507, '<Error><Code>XMinioStorageFull</Code></Error>'), 'volume_full', 5],
  [answer(403, '<Error><Code>QuotaExceeded</Code></Error>'), 'volume_full', 5],
  [answer(409, '<Error><Code>MemoryExtentStoreAtSizeLimit</Code></Error>'), 'volume_full', 5],
  [
    answer(500, '<Error><Code>InternalError</Code><Message>no space left on device</Message></Error>'),
    'volume_full',
    5,
  ],
])('an answer %j is the error %s', async (fault, code, exitCode) => {
  server.faults = [fault];
  expect(await failing()).toMatchObject({ code, exitCode });
  expect(waits).toEqual([]);
});

test.each([
  [{ start: 5, end: 100_001 }, 'range_outside_file'],
  [{ start: 100_000, end: 100_001 }, 'range_outside_file'],
  [{ start: 7, end: 5 }, 'range_outside_file'],
])('the range %j is outside', async (range, code) => {
  expect(await failing({ range })).toMatchObject({ code, exitCode: 3 });
});

test('bytes that were not asked for are refused', async () => {
  server.faults = [{ kind: 'shift-range', by: 3 }];
  expect((await failing({ range: { start: 10, end: 20 } })).code).toBe('answer_invalid');
  server.faults = [answer(206, 'part', { 'Content-Range': 'bytes 0-3/100000' })];
  expect((await failing()).code).toBe('answer_invalid');
});

describe('a refusal of one object is told from one of the reader', () => {
  const xml = (code: string) => `<Error><Code>${code}</Code><Message>no</Message></Error>`;
  test.each([
    ['S3: no right', 403, xml('AccessDenied'), false],
    ['S3: a key that is known no more', 403, xml('InvalidAccessKeyId'), true],
    ['S3: a session that ended', 400, xml('ExpiredToken'), true],
    ['Azure: a SAS that is wrong', 403, xml('AuthenticationFailed'), true],
    ['Azure: a SAS without this right', 403, xml('AuthorizationPermissionMismatch'), false],
    ['Databricks: a token that is known no more', 403, '{"message":"Invalid access token."}', true],
    ['Databricks: no right', 403, '{"error_code":"PERMISSION_DENIED","message":"no"}', false],
    ['the gateway: its token ended', 403, '{"error":{"code":"databricks_sign_in_refused"}}', true],
    ['anybody: 401', 401, '', true],
    ['anybody: 403 without words', 403, '', false],
  ])('%s', async (_, status, body, signInRefused) => {
    server.faults = [answer(status, body)];
    expect(await failing()).toMatchObject({ exitCode: 5, signInRefused });
  });
});
