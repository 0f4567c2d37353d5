/** Addresses that a workspace hands out: what is asked of them, and which are not used at all. */
import { expect, test } from 'vitest';
import { Http } from '../http/index.ts';
import { DatabricksVolume, forwardedAccess } from './index.ts';

const token = 'token-of-the-workspace';

/** A workspace that signs every file with this address; what was asked of whom, with which rights. */
function workspace(address: string): { volume: DatabricksVolume; asked: string[] } {
  const asked: string[] = [];
  const http = new Http({
    attempts: 1,
    fetcher: async (input, init) => {
      const url = new URL(String(input));
      asked.push(`${url.origin}${url.pathname} ${new Headers(init?.headers).get('authorization') ?? '-'}`);
      if (!url.pathname.endsWith('/create-download-url')) return new Response('bytes');
      return Response.json({ url: address, headers: [{ name: 'x-of-the-store', value: '1' }] });
    },
  });
  const access = forwardedAccess('https://workspace.example', token);
  return {
    volume: new DatabricksVolume('/Volumes/a/b/c', access, { http, environment: () => undefined }),
    asked,
  };
}

test('the store is asked without the rights of the workspace', async () => {
  const { volume, asked } = workspace('https://store.example/a?X-Amz-Signature=1');
  expect(new TextDecoder().decode(await volume.open('a.txt').read())).toBe('bytes');
  expect(asked).toEqual([
    `https://workspace.example/api/2.0/fs/create-download-url Bearer ${token}`,
    'https://store.example/a -',
  ]);
});

test.each(['http://store.example/a', 'file:///etc/passwd', 'ftp://store.example/a', '/relative', ''])(
  'the address %j is not used: the Files API brings the bytes',
  async (address) => {
    const { volume, asked } = workspace(address);
    expect(new TextDecoder().decode(await volume.open('a.txt').read())).toBe('bytes');
    expect(asked).toEqual([
      `https://workspace.example/api/2.0/fs/create-download-url Bearer ${token}`,
      `https://workspace.example/api/2.0/fs/files/Volumes/a/b/c/a.txt Bearer ${token}`,
    ]);
  },
);
