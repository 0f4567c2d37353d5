/** Against a real HTTP server that repeats what it was sent, as debugging proxies do. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { resolveEndpoint } from '../storage/index.ts';
import { MlflowClient } from './client.ts';

let server: Server;
let port: number;
beforeEach(async () => {
  server = createServer((request, response) => {
    response.writeHead(503, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ error_code: 'ECHO', message: `got ${request.headers.authorization}` }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

it.each([
  'https://me:very/secret@host',
  'ftp://me:very@secret@host/',
  'https://me:very secret@',
  'http://:@?secret',
])('keeps a password out of what is said of %s, which is no address', async (address) => {
  const error = await resolveEndpoint(address, () => undefined).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: 'tracking_uri_invalid', exitCode: 2 });
  expect(String(error)).not.toMatch(/very|secret/);
});

it('takes a password with a percent sign as it stands', async () => {
  const { headers, host } = await resolveEndpoint('https://me:50%25off%@mlflow.example', () => undefined);
  expect(host).toBe('https://mlflow.example');
  expect(await headers()).toEqual({ Authorization: `Basic ${btoa('me:50%off%')}` });
});

it.each([
  { MLFLOW_TRACKING_TOKEN: 'very-secret' },
  { MLFLOW_TRACKING_USERNAME: 'me', MLFLOW_TRACKING_PASSWORD: 'very-secret' },
])('keeps a token out of the message when a server repeats it: %o', async (environment) => {
  const endpoint = await resolveEndpoint(
    `http://127.0.0.1:${port}`,
    (name) => (environment as Readonly<Record<string, string>>)[name],
  );
  const error = await new MlflowClient(endpoint)
    .call('GET', 'experiments/get')
    .catch((cause) => cause as Error);
  expect(error).toBeInstanceOf(Error);
  const { message } = error as Error;
  expect(message).toMatch(/503 ECHO got (Bearer|Basic) …/);
  expect(message).not.toContain('very-secret');
  expect(message).not.toContain(btoa('me:very-secret'));
});
