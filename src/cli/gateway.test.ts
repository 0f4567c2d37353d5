/** `ocelli gateway` as a process: it says where it is, answers, logs for programs, and ends when it is told to. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { builtCli, startOcelli } from '../../tests/support/cli.ts';
import { freePort } from '../../tests/support/ports.ts';

const folder = mkdtempSync(join(tmpdir(), 'ocelli-gateway-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('serves a folder and a page as Databricks Apps start it, and ends by SIGTERM', async () => {
  await builtCli();
  mkdirSync(join(folder, 'data'));
  mkdirSync(join(folder, 'page'));
  writeFileSync(join(folder, 'data/a.txt'), 'bytes');
  writeFileSync(join(folder, 'page/index.html'), 'the page');
  const port = await freePort();
  const started = await startOcelli(['gateway', '--json', '--volume', 'data', '--page', 'page'], {
    cwd: folder,
    env: { DATABRICKS_APP_PORT: String(port) },
  });
  await started.said('"listening"');
  const url = `http://127.0.0.1:${port}`;
  expect(await (await fetch(url)).text()).toBe('the page');
  // The proxy of the app speaks TLS under a name of its own.
  const info = await fetch(`${url}/gw/info`, { headers: { 'X-Forwarded-Email': 'ann@example.com' } });
  expect(await info.json()).toMatchObject({ volumes: [{ place: 'data', write: false }], mlflow: null });
  const bytes = await fetch(`${url}/gw/bytes?volume=data&path=a.txt&token=never-logged`);
  expect(await bytes.text()).toBe('bytes');
  started.child.kill('SIGTERM');
  const { code, stdout, stderr } = await started.ended;
  expect(code).toBe(130);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map(({ type }) => type)).toEqual(['listening', 'request', 'request', 'ended']);
  expect(lines[1]).toMatchObject({ route: '/gw/info', status: 200, client: 'ann@example.com' });
  expect(lines[2]).toMatchObject({ volume: 'data', path: 'a.txt', bytes: 5 });
  expect(stdout + stderr).not.toContain('never-logged');
});
