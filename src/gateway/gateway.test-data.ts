/**
 * A gateway for tests, over real HTTP on loopback: two local folders as volumes (one of them writable), a page, and beside
 * them a secret that nobody may see.
 */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { type Gateway, type GatewayOptions, type LogEntry, startGateway } from './index.ts';

export let root: string;
/** A volume that is only read. */
export let data: string;
/** A volume that is written to. */
export let results: string;
export let log: LogEntry[] = [];
const running: Gateway[] = [];
export const secret = 'token-that-nobody-may-see';

/** Makes the folders, and ends the gateways after each test. */
export function useGateways(): void {
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'ocelli-gateway-'));
    data = join(root, 'data');
    results = join(root, 'results');
    await mkdir(join(data, 'images'), { recursive: true });
    await mkdir(results);
    await mkdir(join(root, 'page/assets'), { recursive: true });
    await writeFile(join(root, 'secret.txt'), secret);
    await writeFile(join(data, 'images/a b+c.txt'), '0123456789');
    await writeFile(join(data, 'empty'), '');
    await symlink(join(root, 'secret.txt'), join(data, 'link'));
    await writeFile(join(root, 'page/index.html'), '<head></head><p>page</p>');
    await writeFile(join(root, 'page/assets/x-1.js'), 'x');
  });
  afterAll(() => rm(root, { recursive: true, force: true }));
  afterEach(async () => {
    for (const gateway of running.splice(0)) await gateway.close();
    log = [];
  });
}

export async function start(options: Partial<GatewayOptions> = {}): Promise<string> {
  const gateway = await startGateway({
    volumes: [
      { place: data, write: false },
      { place: results, write: true },
    ],
    page: join(root, 'page'),
    port: 0,
    log: (entry) => log.push(entry),
    ...options,
  });
  running.push(gateway);
  return gateway.url;
}

export const query = (parts: Record<string, string>): string => new URLSearchParams(parts).toString();
export const codeOf = async (response: Response): Promise<string> =>
  ((await response.json()) as { error: { code: string } }).error.code;

/** A request whose path and headers go out exactly as they are written. */
export function raw(
  url: string,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; body: string; headers: Record<string, unknown> }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request(
      { hostname, port, path, method: options.method ?? 'GET', headers: options.headers ?? {} },
      (answer) => {
        let body = '';
        answer.on('data', (chunk) => (body += chunk));
        answer.on('end', () => resolve({ status: answer.statusCode!, body, headers: answer.headers }));
      },
    );
    sent.on('error', reject);
    sent.end(options.body);
  });
}
