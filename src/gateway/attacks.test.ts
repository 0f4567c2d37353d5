/**
 * What the gateway refuses. Attacks are written as an attacker would send them, past everything that `fetch` and URLs would
 * tidy up.
 */
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import {
  codeOf,
  data,
  log,
  query,
  raw,
  results,
  root,
  secret,
  start,
  useGateways,
} from './gateway.test-data.ts';
import { Budget } from './guard.ts';

useGateways();

describe('attacks', () => {
  const ways = [
    '../secret.txt',
    'images/../../secret.txt',
    '..\\secret.txt',
    '%2e%2e/secret.txt',
    '%252e%252e%252fsecret.txt',
    '..%2fsecret.txt',
    '..%c0%afsecret.txt',
    '/etc/passwd',
    '//etc/passwd',
    'C:/secret.txt',
    'file:///etc/passwd',
    'link',
    'images/./../../secret.txt',
    '..\0/secret.txt',
    'a\r\nb',
  ];

  test.each(ways)('a path that leads out: %j', async (path) => {
    const url = await start();
    const answers = [
      await fetch(`${url}/gw/bytes?${query({ volume: data, path })}`),
      await fetch(`${url}/gw/list?${query({ volume: data, prefix: `${path}/` })}`),
      await fetch(`${url}/gw/bytes?${query({ volume: results, path })}`, { method: 'PUT', body: 'x' }),
      await fetch(`${url}/gw/sign`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ volume: data, paths: [path] }),
      }),
    ];
    for (const answer of answers) {
      const text = await answer.text();
      expect(text).not.toContain(secret);
      expect(text).not.toContain('root:');
      expect(text).not.toMatch(/"url"/);
    }
    expect(answers[0]!.status).toBeGreaterThanOrEqual(400);
    expect(await readFile(join(root, 'secret.txt'), 'utf8')).toBe(secret);
  });

  test.each([
    '',
    '/',
    'secret',
    's3://other/bucket',
    'http://169.254.169.254/latest/meta-data',
    'file:///etc',
    'toString',
    '__proto__',
  ])('a volume outside of the list: %j', async (volume) => {
    const url = await start();
    const inside = `${volume}`;
    for (const answer of [
      await fetch(`${url}/gw/bytes?${query({ volume: inside, path: 'secret.txt' })}`),
      await fetch(`${url}/gw/list?${query({ volume: inside })}`),
      await fetch(`${url}/gw/bytes?${query({ volume: inside, path: 'x' })}`, { method: 'PUT', body: 'x' }),
      await fetch(`${url}/gw/sign`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ volume: inside, paths: ['x'] }),
      }),
    ]) {
      expect(answer.status).toBe(403);
      expect(await codeOf(answer)).toBe('volume_not_offered');
    }
  });

  test('spellings of an offered volume are other volumes', async () => {
    const url = await start();
    for (const volume of [`${data}/`, `${data}/../results`, `${data}/.`, data.toUpperCase(), ` ${data}`]) {
      const answer = await fetch(`${url}/gw/bytes?${query({ volume, path: 'empty' })}`);
      expect(answer.status).toBe(403);
    }
  });

  test('a foreign origin, a foreign site, a foreign name', async () => {
    const url = await start({ origins: ['https://app.example.com'] });
    const { host } = new URL(url);
    const ask = (headers: Record<string, string>, method = 'GET', path = '/gw/info') =>
      raw(url, path, { method, headers: { Host: host, ...headers } });
    for (const headers of [
      { Origin: 'https://evil.example' },
      { Origin: 'null' },
      { Origin: `https://${host}` },
      { Origin: 'https://app.example.com.evil.example' },
      { Origin: 'http://app.example.com' },
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
      { Host: 'evil.example' },
      { Host: 'evil.example', Origin: 'http://evil.example' },
      { Host: 'localhost.evil.example' },
    ] as Record<string, string>[]) {
      const { status, headers: answered } = await ask(headers);
      expect([headers, status]).toEqual([headers, 403]);
      expect(answered['access-control-allow-origin']).toBeUndefined();
      expect(
        (await ask({ 'Access-Control-Request-Method': 'PUT', ...headers }, 'OPTIONS', '/gw/bytes')).status,
      ).toBe(403);
    }
    expect((await ask({})).status).toBe(200);
    expect((await ask({ Origin: `http://${host}` })).status).toBe(200);
    expect((await ask({ 'Sec-Fetch-Site': 'same-origin' })).status).toBe(200);
    const allowed = await ask({ Origin: 'https://app.example.com' });
    expect(allowed.headers['access-control-allow-origin']).toBe('https://app.example.com');
    expect(allowed.headers.vary).toMatch(/Origin/);
    expect(allowed.headers['access-control-allow-credentials']).toBeUndefined();
  });

  test('a form of another page changes nothing: JSON is asked for by its type', async () => {
    const url = await start();
    const answer = await fetch(`${url}/gw/sign`, {
      method: 'POST',
      headers: { 'Content-Type': 'text/plain' },
      body: JSON.stringify({ volume: data, paths: ['empty'] }),
    });
    expect(answer.status).toBe(400);
  });

  test('headers are not taken over, and none can be put in', async () => {
    const url = await start();
    const answer = await raw(url, `/gw/bytes?${query({ volume: data, path: 'empty\r\nX-Evil: 1' })}`);
    expect(answer.status).toBe(400);
    expect(answer.headers['x-evil']).toBeUndefined();
    const { port, hostname } = new URL(url);
    // Past every client library: a second request behind the first, and a lying length.
    const smuggled = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), hostname, () =>
        socket.write(
          `POST /gw/sign HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /gw/info HTTP/1.1\r\nHost: x\r\n\r\n`,
        ),
      );
      let text = '';
      socket.on('data', (chunk) => (text += chunk));
      // The server ends it.
      socket.on('close', () => resolve(text));
    });
    expect(smuggled).toMatch(/^HTTP\/1.1 400/);
    expect(smuggled).not.toContain('"gateway"');
  });

  test('requests that are too large or too many', async () => {
    const url = await start({ limits: { upload: 1000, paths: 3, rate: 1e-3, burst: 9 } });
    const sign = (paths: string[]) =>
      fetch(`${url}/gw/sign`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ volume: data, paths }),
      });
    expect((await sign(['a', 'b', 'c', 'd'])).status).toBe(413);
    expect((await sign(['a'.repeat(100_000)])).status).toBe(413);
    // Without a length that would tell beforehand.
    const unannounced = await raw(url, '/gw/sign', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' },
      body: JSON.stringify({ volume: data, paths: ['a'.repeat(100_000)] }),
    });
    expect(unannounced.status).toBe(413);
    const put = await fetch(`${url}/gw/bytes?${query({ volume: results, path: 'big' })}`, {
      method: 'PUT',
      body: new Uint8Array(1001),
    });
    expect(put.status).toBe(413);
    const chunked = await raw(url, `/gw/bytes?${query({ volume: results, path: 'big' })}`, {
      method: 'PUT',
      headers: { 'Transfer-Encoding': 'chunked' },
      body: 'x',
    });
    expect(chunked.status).toBe(411);
    // A header that is too large ends in the server itself.
    expect((await raw(url, '/gw/info', { headers: { 'X-Long': 'x'.repeat(20_000) } })).status).toBe(431);
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) statuses.push((await fetch(`${url}/gw/info`)).status);
    expect(statuses[0]).toBe(200);
    expect(statuses.at(-1)).toBe(429);
    const last = await fetch(`${url}/gw/info`);
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });

  test('a folder that is offered is not removed, whatever its name is spelt like', async () => {
    const url = await start();
    await writeFile(join(results, 'kept.txt'), 'kept');
    for (const path of ['', '/', '.', './', './/.']) {
      const answer = await fetch(`${url}/gw/bytes?${query({ volume: results, path })}`, { method: 'DELETE' });
      expect([path, answer.status]).toEqual([path, 400]);
    }
    expect(await readFile(join(results, 'kept.txt'), 'utf8')).toBe('kept');
  });

  test('DELETE takes a file, never a folder with what is in it', async () => {
    const url = await start();
    await mkdir(join(results, 'run/checkpoints'), { recursive: true });
    await writeFile(join(results, 'run/checkpoints/a.bin'), 'kept');
    await symlink(join(results, 'run'), join(results, 'alias'));
    const remove = (path: string): Promise<Response> =>
      fetch(`${url}/gw/bytes?${query({ volume: results, path })}`, { method: 'DELETE' });
    for (const path of [
      'run',
      'run/',
      'run/checkpoints',
      './run//checkpoints/.',
      'alias',
      'alias/checkpoints',
    ]) {
      const answer = await remove(path);
      expect([path, answer.status, await codeOf(answer)]).toEqual([path, 400, 'is_folder']);
    }
    expect(await readFile(join(results, 'alias/checkpoints/a.bin'), 'utf8')).toBe('kept');
    // A file goes, and what is not there is gone already.
    expect((await remove('run/checkpoints/a.bin')).status).toBe(204);
    expect((await remove('run/checkpoints/a.bin')).status).toBe(204);
    expect(await readdir(join(results, 'run/checkpoints'))).toEqual([]);
  });

  test('as many uploads at a time as there is memory for', async () => {
    const url = await start({ limits: { uploads: 1 } });
    const at = `${url}/gw/bytes?${query({ volume: results, path: 'slow.bin' })}`;
    const slow = request(at, { method: 'PUT', headers: { 'Content-Length': '4' } });
    const ended = new Promise<number>((resolve, reject) => {
      slow.on('response', (answer) => resolve(answer.resume().statusCode!));
      slow.on('error', reject);
    });
    slow.write('ab');
    // Until the first has reached the gateway, others get through.
    const second = await vi.waitUntil(
      async () => {
        const answer = await fetch(at, { method: 'PUT', body: 'more' });
        return answer.status === 204 ? undefined : answer;
      },
      { timeout: 30_000 },
    );
    expect([second.status, await codeOf(second)]).toEqual([503, 'gateway_busy']);
    expect(second.headers.get('retry-after')).toBe('1');
    slow.end('cd');
    expect(await ended).toBe(204);
    expect((await fetch(at, { method: 'PUT', body: 'more' })).status).toBe(204);
  });

  test('a store that says nothing is not waited for without end', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    try {
      const place = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/set`;
      const url = await start({ volumes: [{ place, write: true }], limits: { patience: 30 } });
      for (const [method, path] of [
        ['GET', `bytes?${query({ volume: place, path: 'a.jpg' })}`],
        ['HEAD', `bytes?${query({ volume: place, path: 'a.jpg' })}`],
        ['GET', `list?${query({ volume: place })}`],
      ]) {
        const begun = Date.now();
        const answer = await fetch(`${url}/gw/${path}`, { method: method! });
        expect([path, answer.status]).toEqual([path, 424]);
        if (method === 'GET') expect(await codeOf(answer)).toBe('gateway_timeout');
        expect(Date.now() - begun).toBeLessThan(5000);
      }
    } finally {
      silent.closeAllConnections();
      await new Promise((resolve) => silent.close(resolve));
    }
  });

  test('behind a proxy a client is the address that the proxy saw, not one that was made up', async () => {
    const url = await start({ behindProxy: true, limits: { rate: 1e-3, burst: 3 } });
    const ask = async (forwarded: string): Promise<number> =>
      (await fetch(`${url}/gw/info`, { headers: { 'X-Forwarded-For': forwarded } })).status;
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++) statuses.push(await ask(`10.9.9.${i}, 203.0.113.7`));
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    expect(await ask('203.0.113.8')).toBe(200);
    expect(log.filter(({ type }) => type === 'request')[0]).toMatchObject({ client: '203.0.113.7' });
  });

  test('a budget comes back with time, and one client does not take that of another', () => {
    let now = 0;
    const budget = new Budget(2, 3, () => now);
    expect([1, 2, 3, 4].map(() => budget.take('a'))).toEqual([0, 0, 0, 1]);
    expect(budget.take('b')).toBe(0);
    now += 1000;
    expect([1, 2].map(() => budget.take('a'))).toEqual([0, expect.any(Number)]);
  });

  test('a server behind a volume that redirects elsewhere leads nowhere', async () => {
    let reached = 0;
    const inner = createServer((_, response) => {
      reached++;
      response.end(secret);
    });
    await new Promise<void>((resolve) => inner.listen(0, '127.0.0.1', resolve));
    const target = `http://127.0.0.1:${(inner.address() as AddressInfo).port}/latest/meta-data`;
    const outer = createServer((incoming, response) => {
      if (incoming.url === '/set/index.json') response.end(JSON.stringify([{ path: 'a.txt', size: 5 }]));
      else response.writeHead(302, { Location: target }).end();
    });
    await new Promise<void>((resolve) => outer.listen(0, '127.0.0.1', resolve));
    const volume = `http://127.0.0.1:${(outer.address() as AddressInfo).port}/set`;
    try {
      const url = await start({ volumes: [{ place: volume, write: false }] });
      for (const path of [
        'a.txt',
        '@evil.example/a.txt',
        'http://evil.example/a.txt',
        '?x=http://evil.example',
      ]) {
        const answer = await fetch(`${url}/gw/bytes?${query({ volume, path })}`);
        expect(answer.status).toBeGreaterThanOrEqual(400);
        expect(await answer.text()).not.toContain(secret);
      }
      expect(reached).toBe(0);
    } finally {
      outer.close();
      inner.close();
    }
  });

  test('it does not listen to the world by itself', async () => {
    await expect(start({ listen: '0.0.0.0' })).rejects.toMatchObject({
      code: 'gateway_open_to_all',
      exitCode: 2,
    });
    await expect(start({ page: join(root, 'none') })).rejects.toMatchObject({ code: 'page_not_built' });
    await expect(start({ listen: '127.0.0.1.1', behindProxy: true })).rejects.toMatchObject({
      code: 'gateway_port_unusable',
    });
    for (const place of [join(root, 'none'), join(import.meta.dirname, 'attacks.test.ts')]) {
      const volumes = [{ place, write: false }];
      await expect(start({ volumes })).rejects.toMatchObject({ code: 'volume_missing', exitCode: 2 });
    }
  });

  test('volumes of users need their tokens', async () => {
    const volumes = [{ place: '/Volumes/main/default/images', write: false }];
    const url = await start({ volumes, userTokensFor: 'http://127.0.0.1:9' });
    const answer = await fetch(`${url}/gw/list?${query({ volume: volumes[0]!.place })}`);
    expect([answer.status, await codeOf(answer)]).toEqual([401, 'user_token_missing']);
    await expect(start({ userTokensFor: 'https://w.example' })).rejects.toMatchObject({
      code: 'volume_without_user',
    });
  });
});
