/** What the gateway offers: volumes as pages read and write them, the page itself, its log. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { files } from '#platform';
import { RunError } from '../core/index.ts';
import { GatewayClient, GatewayVolume } from '../storage/index.ts';
import { data, log, query, raw, results, secret, start, useGateways } from './gateway.test-data.ts';

useGateways();

describe('volumes', () => {
  test('what is offered, listed, read and written, by the volume that pages use', async () => {
    const url = await start();
    const client = new GatewayClient(url);
    expect((await client.info()).volumes).toEqual([
      { place: data, write: false },
      { place: results, write: true },
    ]);
    const volume = new GatewayVolume(data, client);
    const listed: unknown[] = [];
    for await (const { path, size } of volume.list('')) listed.push([path, size]);
    expect(listed).toContainEqual(['images/a b+c.txt', 10]);
    const source = volume.open('images/a b+c.txt');
    expect(await source.size()).toBe(10);
    expect(new TextDecoder().decode(await source.read())).toBe('0123456789');
    expect(new TextDecoder().decode(await source.read({ start: 2, end: 5 }))).toBe('234');
    expect(await volume.open('empty').size()).toBe(0);
    await expect(volume.open('none').read()).rejects.toMatchObject({ code: 'file_missing', exitCode: 3 });
    await expect(source.read({ start: 5, end: 11 })).rejects.toMatchObject({ code: 'range_outside_file' });

    const writable = new GatewayVolume(results, client);
    await writable.write('run/model.bin', new Uint8Array([1, 2, 3]));
    expect([...(await readFile(join(results, 'run/model.bin')))]).toEqual([1, 2, 3]);
    await writable.remove('run/model.bin');
    await expect(writable.open('run/model.bin').read()).rejects.toMatchObject({ code: 'file_missing' });
    await expect(volume.write('new.txt', 'x')).rejects.toMatchObject({
      code: 'volume_read_only',
      exitCode: 5,
    });
    await expect(volume.remove('images/a b+c.txt')).rejects.toMatchObject({ code: 'volume_read_only' });
  });

  test('many addresses at once are no leak to the engine', async () => {
    const url = await start();
    const warned = vi.fn();
    process.on('warning', warned);
    try {
      const paths = Array.from({ length: 40 }, (_, i) => `${i}.png`);
      const body = JSON.stringify({ volume: data, paths });
      const headers = { 'Content-Type': 'application/json' };
      const answer = await fetch(`${url}/gw/sign`, { method: 'POST', headers, body });
      expect(((await answer.json()) as { signed: unknown[] }).signed).toHaveLength(40);
      await new Promise((done) => setImmediate(done));
      expect(warned).not.toHaveBeenCalled();
    } finally {
      process.off('warning', warned);
    }
  });

  test('a disk that is full is told as such, once', async () => {
    const url = await start();
    const full = new RunError({
      code: 'disk_full',
      expected: 'room',
      received: '0 MB free',
      fix: 'free some',
    });
    const write = vi.spyOn(files, 'write').mockRejectedValue(full);
    try {
      const writable = new GatewayVolume(results, new GatewayClient(url));
      await expect(writable.write('a.bin', 'x')).rejects.toMatchObject({ code: 'disk_full', exitCode: 1 });
      expect(write).toHaveBeenCalledTimes(1);
      expect(log.at(-1)).toMatchObject({ status: 507, code: 'disk_full' });
    } finally {
      write.mockRestore();
    }
  });

  test('ranges as stores answer them', async () => {
    const url = await start();
    const at = `${url}/gw/bytes?${query({ volume: data, path: 'images/a b+c.txt' })}`;
    const get = async (range: string): Promise<unknown[]> => {
      const answer = await fetch(at, { headers: { Range: range } });
      return [answer.status, answer.headers.get('content-range'), answer.ok ? await answer.text() : ''];
    };
    expect(await get('bytes=2-4')).toEqual([206, 'bytes 2-4/10', '234']);
    expect(await get('bytes=-3')).toEqual([206, 'bytes 7-9/10', '789']);
    expect(await get('bytes=8-99')).toEqual([206, 'bytes 8-9/10', '89']);
    expect(await get('bytes=10-12')).toEqual([416, 'bytes */10', '']);
    expect(await get('bytes=0-1,4-5')).toEqual([400, null, '']);
    const head = await fetch(at, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe('10');
  });

  test('the page, and nothing beside it', async () => {
    const url = await start();
    // The page learns where its gateway is, and no other page has to ask.
    expect(await (await fetch(url)).text()).toBe(
      '<head><meta name="ocelli-gateway" content="."></head><p>page</p>',
    );
    const asset = await fetch(`${url}/assets/x-1.js`);
    expect(asset.headers.get('cache-control')).toMatch(/immutable/);
    for (const path of [
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/assets/..%2f..%2fsecret.txt',
      '/assets\\..\\..\\secret.txt',
      '//secret.txt',
    ]) {
      const { status, body } = await raw(url, path);
      expect([400, 404]).toContain(status);
      expect(body).not.toContain(secret);
    }
  });

  test('its log has a line per request, and no query', async () => {
    const url = await start();
    await fetch(`${url}/gw/bytes?${query({ volume: data, path: 'none', 'X-Amz-Signature': secret })}`, {
      headers: { Authorization: `Bearer ${secret}`, Cookie: secret },
    });
    expect(log.filter(({ type }) => type === 'request')).toMatchObject([
      {
        method: 'GET',
        route: '/gw/bytes',
        status: 404,
        code: 'file_missing',
        volume: data,
        path: 'none',
        ms: expect.any(Number),
      },
    ]);
    expect(JSON.stringify(log)).not.toContain(secret);
  });
});
