/** When requests are repeated and when not, how many run at a time, and how they are ended. */
import { expect, test, vi } from 'vitest';
import {
  answer,
  bytes,
  cut,
  failing,
  http,
  read,
  readWith,
  same,
  server,
  useServer,
  waits,
} from '../../../tests/support/http-reads.ts';
import { Hosts, sleep } from './hosts.ts';
import { Http, readObject } from './index.ts';

useServer();

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
  await vi.waitFor(() => expect(waits).toHaveLength(1), { timeout: 10_000, interval: 5 });
  const second = read({ address: async () => ({ url: `${server.url}/b.bin` }) });
  await Promise.all([first, second]);
  const [asked, ...later] = server.requests;
  expect(later.map(({ path }) => path).sort()).toEqual(['a.bin', 'b.bin']);
  for (const { at } of later) expect(at - asked!.at).toBeGreaterThanOrEqual(1000);
});

test('a rest is no longer where the clock is set back meanwhile', async () => {
  const hosts = new Hosts(1);
  const url = 'http://host/';
  hosts.pause(url, 50);
  vi.spyOn(Date, 'now').mockReturnValue(0);
  try {
    const stop = AbortSignal.timeout(20_000);
    (await hosts.enter(url, stop))();
  } finally {
    vi.restoreAllMocks();
  }
});

test('waits grow, and half of each is chance', async () => {
  for (const [chance, expected] of [
    [0, [4, 8, 16]],
    [0.5, [6, 12, 24]],
  ] as const) {
    readWith({ firstWait: 8, random: () => chance });
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

test('an answer that is larger than it may be is refused', async () => {
  const sending = http.send({ url: `${server.url}/a.bin`, label: 'x', answerLimit: 1000 });
  await expect(sending).rejects.toMatchObject({ code: 'answer_too_large', exitCode: 5 });
});
