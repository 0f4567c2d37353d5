/** A service principal's token against a real HTTP server: discovery, refresh in time, one request for all. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ClientCredentials } from './oauth.ts';

let server: Server;
let host: string;
let now: number;
let asked: string[];
let answer: (path: string) => { status?: number; body: unknown; headers?: Record<string, string> };
const principal = () =>
  new ClientCredentials(
    { host, accountId: undefined, clientId: 'me', clientSecret: 'top-secret' },
    fetch,
    () => now,
  );
const token = (value: string) => ({ body: { access_token: value, token_type: 'Bearer', expires_in: 3600 } });

beforeEach(async () => {
  now = 1_000_000;
  asked = [];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      asked.push(
        `${request.method} ${request.url}${body ? ` ${body}` : ''} ${request.headers.authorization ?? ''}`.trim(),
      );
      const { status = 200, body: content, headers } = answer(request.url!);
      response.writeHead(status, headers);
      response.end(typeof content === 'string' ? content : JSON.stringify(content));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

test('discovers the endpoint, asks once for all, and again 40 s before the end', async () => {
  let count = 0;
  answer = (path) => {
    if (path === '/.well-known/databricks-config') {
      return { body: { oidc_endpoint: `${host}/oidc/accounts/{account_id}`, account_id: 'a-1' } };
    }
    if (path.endsWith('/oauth-authorization-server')) return { body: { token_endpoint: `${host}/t` } };
    return token(`token-${++count}`);
  };
  const access = principal();
  expect(await Promise.all([access.authorization(), access.authorization()])).toEqual([
    'Bearer token-1',
    'Bearer token-1',
  ]);
  expect(asked).toEqual([
    'GET /.well-known/databricks-config',
    'GET /oidc/accounts/a-1/.well-known/oauth-authorization-server',
    `POST /t grant_type=client_credentials&scope=all-apis Basic ${btoa('me:top-secret')}`,
  ]);
  now += 3_559_000;
  expect(await access.authorization()).toBe('Bearer token-1');
  now += 2000;
  expect(await access.authorization()).toBe('Bearer token-2');
  // A request that was refused with an older token doesn't throw the new one away.
  expect(await access.renew('Bearer token-1')).toBe(true);
  expect(await access.authorization()).toBe('Bearer token-2');
  expect(await access.renew('Bearer token-2')).toBe(true);
  expect(await access.authorization()).toBe('Bearer token-3');
  expect(asked).toHaveLength(5);
  expect(access.redact(`token-1 ${btoa('me:top-secret')} top-secret`)).toBe('… … …');
});

test('older workspaces: metadata at the known place, or the usual endpoint', async () => {
  answer = (path) => (path === '/oidc/v1/token' ? token('x') : { status: 404, body: '<html>no</html>' });
  expect(await principal().authorization()).toBe('Bearer x');
});

test('a refusal says why, without the secret; the next call asks again', async () => {
  answer = (path) =>
    path === '/oidc/v1/token'
      ? { status: 401, body: { error: 'invalid_client', error_description: 'Client top-secret failed' } }
      : { status: 404, body: '' };
  const access = principal();
  const error = await access.authorization().catch((caught: Error) => caught);
  expect(error).toMatchObject({ code: 'databricks_sign_in_refused', exitCode: 5 });
  expect((error as Error).message).toMatch(/401 invalid_client Client … failed/);
  answer = (path) => (path === '/oidc/v1/token' ? token('x') : { status: 404, body: '' });
  expect(await access.authorization()).toBe('Bearer x');
});

test('what passes is tried again', async () => {
  let busy = 2;
  answer = (path) => {
    if (path !== '/oidc/v1/token') return { status: 404, body: '' };
    return busy-- > 0 ? { status: 503, body: '', headers: { 'Retry-After': '0' } } : token('x');
  };
  expect(await principal().authorization()).toBe('Bearer x');
});

test('the secret goes to no endpoint without TLS elsewhere, and follows no redirect', async () => {
  answer = (path) =>
    path.endsWith('/oauth-authorization-server')
      ? { body: { token_endpoint: 'http://169.254.169.254/token' } }
      : { status: 404, body: '' };
  await expect(principal().authorization()).rejects.toMatchObject({
    code: 'databricks_token_endpoint_invalid',
  });
  answer = (path) =>
    path === '/oidc/v1/token'
      ? { status: 307, body: '', headers: { Location: `${host}/elsewhere` } }
      : { status: 404, body: '' };
  await expect(principal().authorization()).rejects.toMatchObject({ code: 'databricks_unavailable' });
  expect(asked.some((line) => line.includes('elsewhere'))).toBe(false);
});
