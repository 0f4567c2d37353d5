/** Where requests may be led, and what is shown of their addresses. */
import { describe, expect, test } from 'vitest';
import { FileServer } from '../../../tests/support/file-server.ts';
import { answer, bytes, http, same, server, useServer } from '../../../tests/support/http-reads.ts';
import { Http, isPrivateHost, withoutSecrets } from './index.ts';

useServer();

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
