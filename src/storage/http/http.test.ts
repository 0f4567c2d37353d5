/** Reads over HTTP against a server that breaks its answers, each in one way. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Fault, FileServer } from '../../../tests/support/file-server.ts';
import { Hosts, sleep } from './hosts.ts';
import { Http, isPrivateHost, type ObjectRead, objectSize, readObject, withoutSecrets } from './index.ts';

let server: FileServer;
let waits: { reason: string; wait: number }[];
let http: Http;
const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 251);

beforeEach(async () => {
  server = await FileServer.start();
  server.files.set('a.bin', bytes);
  waits = [];
  http = impatient(5000);
});
afterEach(() => server.dispose());

/** Milliseconds without a byte until it tries again; a busy machine is silent for some hundred by itself. */
const impatient = (inactivity: number): Http =>
  new Http({ firstWait: 2, longestWait: 20, inactivity, onRetry: (event) => waits.push(event) });
/** `toEqual` takes half a second for so many bytes. */
const same = (received: Uint8Array, expected: Uint8Array): void =>
  expect(Buffer.compare(received, expected)).toBe(0);
const read = (changes: Partial<ObjectRead> = {}) =>
  readObject(http, {
    label: 'test://a.bin',
    address: async () => ({ url: `${server.url}/a.bin?X-Amz-Signature=s3cret` }),
    ...changes,
  });
const failing = async (changes: Partial<ObjectRead> = {}) => {
  const error = await read(changes).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(Error);
  expect(String(error)).not.toContain('s3cret');
  return error as Error & { code: string; exitCode: number };
};
const cut = (after: number, reset = false): Fault => ({ kind: 'cut', after, reset });
const answer = (status: number, body = '', headers: Record<string, string> = {}): Fault => ({
  kind: 'answer',
  status,
  body,
  headers,
});
const expired = answer(403, '<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>');

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
    if (list.some(({ kind }) => kind === 'stall')) http = impatient(200);
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
])('an answer %j is the error %s', async (fault, code, exitCode) => {
  server.faults = [fault];
  expect(await failing()).toMatchObject({ code, exitCode });
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

test('patience ends: with trouble, with silence, with a file that is never whole', async () => {
  server.faults = Array.from({ length: 20 }, () => answer(503, 'Authorization: Bearer abcdefgh1234'));
  const busy = await failing();
  expect(busy).toMatchObject({ code: 'remote_unavailable', exitCode: 5 });
  expect(busy.message).toContain('8 times in a row');
  expect(busy.message).not.toContain('abcdefgh1234');
  server.faults = Array.from({ length: 20 }, () => cut(0));
  expect(await failing()).toMatchObject({ exitCode: 5, code: 'remote_unreachable' });
  server.faults = [];
  const gone = { address: async () => ({ url: 'http://127.0.0.1:9/a.bin' }) };
  expect(await failing(gone)).toMatchObject({ code: 'remote_unreachable', exitCode: 5 });
});

test('Retry-After is obeyed, in seconds and as a date; a long one is an error at once', async () => {
  server.faults = [answer(429, '', { 'Retry-After': '1' })];
  const begun = Date.now();
  same((await read()).bytes, bytes);
  expect(Date.now() - begun).toBeGreaterThanOrEqual(1000);
  server.faults = [
    answer(503, '', {
      Date: new Date(0).toUTCString(),
      'Retry-After': new Date(1000).toUTCString(),
    }),
  ];
  await read();
  expect(waits.at(-1)!.wait).toBeGreaterThanOrEqual(1000);
  server.faults = [answer(429, '', { 'Retry-After': '3600' })];
  expect((await failing()).message).toContain('3600 s');
});

test('a host that asks for a rest is left alone by all readers', async () => {
  server.files.set('b.bin', bytes);
  server.faults = [answer(429, '', { 'Retry-After': '1' })];
  const first = read();
  await vi.waitFor(() => expect(waits).toHaveLength(1), 10_000);
  const second = read({ address: async () => ({ url: `${server.url}/b.bin` }) });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(server.requests).toHaveLength(1);
  await Promise.all([first, second]);
});

test('waits grow, and half of each is chance', async () => {
  for (const [chance, expected] of [
    [0, [4, 8, 16]],
    [0.5, [6, 12, 24]],
  ] as const) {
    waits = [];
    http = new Http({ firstWait: 8, random: () => chance, onRetry: (event) => waits.push(event) });
    server.faults = [answer(500), answer(502), answer(503)];
    await read();
    expect(waits.map(({ wait }) => wait)).toEqual(expected);
  }
});

test('a signal ends a read in the middle, a wait, and a place in the queue', async () => {
  for (const fault of [{ kind: 'stall', after: 10 } as const, answer(429, '', { 'Retry-After': '60' })]) {
    server.faults = [fault];
    const stop = new AbortController();
    const { length } = server.requests;
    const reading = expect(read({ signal: stop.signal })).rejects.toThrow('enough');
    // Not before the server has it: the next round's fault is not for this request.
    await vi.waitFor(() => expect(server.requests.length).toBeGreaterThan(length), 10_000);
    setTimeout(() => stop.abort(new Error('enough')), 60);
    await reading;
  }
  const narrow = new Http({ perHost: 1 });
  server.faults = [{ kind: 'stall', after: 10 }];
  const stop = new AbortController();
  const address = async () => ({ url: `${server.url}/a.bin` });
  const reads = [1, 2].map(() => readObject(narrow, { label: 'x', address, signal: stop.signal }));
  setTimeout(() => stop.abort(new Error('enough')), 60);
  for (const one of await Promise.allSettled(reads)) expect(one.status).toBe('rejected');
});

test('no more requests at a time than allowed', async () => {
  const narrow = new Http({ perHost: 3 });
  server.delay = 10;
  const address = async () => ({ url: `${server.url}/a.bin` });
  const reads = Array.from({ length: 20 }, () => readObject(narrow, { label: 'x', address }));
  for (const { bytes: got } of await Promise.all(reads)) expect(got.byteLength).toBe(bytes.byteLength);
  expect(server.mostRunning).toBe(3);
});

test('a place that somebody else took meanwhile is waited for again', async () => {
  const hosts = new Hosts(1);
  const url = 'http://host/';
  const leave = await hosts.enter(url);
  const queued = hosts.enter(url);
  leave();
  // Comes first, because nothing was between.
  const leaveAgain = await hosts.enter(url);
  const early = await Promise.race([queued.then(() => 'both'), sleep(20).then(() => 'one')]);
  expect(early).toBe('one');
  leaveAgain();
  (await queued)();
});

describe('redirects', () => {
  const send = (redirects?: 'same-host' | 'any' | 'none') =>
    http.send({
      url: `${server.url}/from?sig=s3cret`,
      label: 'test://from',
      headers: { Authorization: 'Bearer s3cret' },
      ...(redirects ? { redirects } : {}),
    });

  test('are followed within a host, with the headers', async () => {
    server.faults = [answer(307, '', { Location: '/a.bin' })];
    same((await send()).body, bytes);
    expect(server.requests.at(-1)!.authorization).toBe('Bearer s3cret');
  });

  test('to another host only when allowed, and without rights', async () => {
    const other = await FileServer.start();
    try {
      other.files.set('b', new Uint8Array([1]));
      const there = answer(302, '', { Location: `${other.url}/b` });
      server.faults = [there];
      await expect(send()).rejects.toMatchObject({ code: 'redirect_refused' });
      server.faults = [there];
      expect((await send('any')).body).toEqual(new Uint8Array([1]));
      expect(other.requests).toHaveLength(1);
      expect(other.requests[0]!.authorization).toBeUndefined();
      server.faults = [there];
      expect((await send('none')).status).toBe(302);
    } finally {
      await other.dispose();
    }
  });

  test.each([
    ['https://inner.example/a', 'a name that leads there'],
    ['https://[::ffff:10.0.0.5]/a', 'IPv6 around it'],
    ['https://2852039166/latest/meta-data', 'one number'],
    ['https://printer.localhost./a', 'a name of this machine'],
  ])('from the public net never to a private address: %s (%s)', async (to) => {
    const asked: string[] = [];
    const addresses: Record<string, string[]> = {
      'public.example': ['93.184.216.34'],
      'inner.example': ['93.184.216.35', '::ffff:10.0.0.5'],
      'other.example': ['2606:4700::1'],
      'intranet.example': ['10.0.0.1'],
    };
    const guarded = new Http({
      addresses: async (host) => addresses[host] ?? [],
      fetcher: async (input) => {
        asked.push(String(input));
        const hop = /^https:\/\/(public|intranet)\./.test(String(input));
        return hop ? new Response(null, { status: 302, headers: { Location: to } }) : new Response('a');
      },
    });
    const ask = (url: string) => guarded.send({ url, label: 'x', redirects: 'any' });
    await expect(ask('https://public.example/a')).rejects.toMatchObject({ code: 'redirect_refused' });
    expect(asked).toEqual(['https://public.example/a']);
    // Who is inside already may stay there.
    if (to.includes('inner.example')) expect((await ask('https://intranet.example/a')).status).toBe(200);
  });

  test('end, and never lead to other schemes', async () => {
    server.faults = Array.from({ length: 9 }, () => answer(302, '', { Location: '/again' }));
    await expect(send()).rejects.toMatchObject({ code: 'redirect_refused' });
    for (const Location of ['file:///etc/passwd', 'ftp://host/x', 'http://u:p@127.0.0.1/x']) {
      server.faults = [answer(302, '', { Location })];
      await expect(send('any')).rejects.toMatchObject({ code: 'redirect_refused' });
    }
  });
});

test('private addresses in every spelling', () => {
  const hosts = [
    'localhost',
    '127.0.0.1',
    '10.1.2.3',
    '172.20.0.1',
    '192.168.0.1',
    '169.254.169.254',
    '0.0.0.0',
  ];
  hosts.push('[::1]', '[fe80::1]', '[fd00::1]', '[::ffff:7f00:1]', 'metadata.google.internal', '100.64.0.1');
  // IPv4 in IPv6: compatible, mapped as the system writes it, NAT64, 6to4; and what is local by itself.
  hosts.push('[::]', '[::7f00:1]', '::ffff:127.0.0.1', '[64:ff9b::a9fe:a9fe]', '[64:ff9b:1::1]');
  hosts.push(
    '[2002:c0a8:101::1]',
    '[fec0::1]',
    'fe80::1%eth0',
    '[ff02::1]',
    '192.0.0.192',
    '198.18.0.1',
    '224.0.0.1',
  );
  for (const spelling of ['2130706433', '0x7f.1', '0177.0.0.1', '127.1', '[0:0:0:0:0:ffff:a9fe:a9fe]'])
    hosts.push(new URL(`http://${spelling}/`).hostname);
  // A dot at the end is the same name.
  hosts.push('localhost.', 'metadata.google.internal.');
  for (const host of hosts) expect(isPrivateHost(host), host).toBe(true);
  const open = ['example.org', '8.8.8.8', '172.32.0.1', '[2606:4700::1]', '192.169.0.1', '192.0.2.1'];
  for (const host of [...open, '[64:ff9b::808:808]', '[2002:808:808::1]', '[::ffff:808:808]'])
    expect(isPrivateHost(host), host).toBe(false);
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

test('an answer that is larger than it may be is refused', async () => {
  const sending = http.send({ url: `${server.url}/a.bin`, label: 'x', answerLimit: 1000 });
  await expect(sending).rejects.toMatchObject({ code: 'answer_too_large', exitCode: 5 });
});

test.each([
  ['https://b.s3.amazonaws.com/a?X-Amz-Signature=abc&X-Amz-Credential=def', ['abc', 'def']],
  ['https://user:pass@host/x', ['pass']],
  ['{"access_token": "abc.def", "client_secret":"xyz123"}', ['abc.def', 'xyz123']],
  ['Authorization: Bearer dapi0123456789', ['dapi0123456789']],
  ['sv=2020&se=x&sig=QUJD%3D', ['QUJD']],
  ['<StringToSign>x-amz-security-token=FwoGZXIv</StringToSign>', ['FwoGZXIv']],
])('%s is shown without what it hides', (text, secrets) => {
  for (const secret of secrets) expect(withoutSecrets(text)).not.toContain(secret);
});
