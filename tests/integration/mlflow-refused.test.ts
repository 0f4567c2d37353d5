/**
 * A tracking server that refuses ends a run with 5 before its first step, in words that help, and without the password that was in
 * its address.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtCli } from '../support/cli.ts';
import { train } from '../support/failed-runs.ts';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ocelli-refused-'));
  await builtCli();
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a server that refuses', () => {
  let refusing: Server;
  let status: number;
  let body: string;
  const asked: (string | undefined)[] = [];
  beforeAll(async () => {
    // Stands in for a server with sign-in or without rights; the answers are MLflow's (its basic auth sends HTML).
    refusing = createServer((request, response) => {
      asked.push(request.headers.authorization);
      const type = body.startsWith('<') ? 'text/html; charset=utf-8' : 'application/json';
      response.writeHead(status, { 'Content-Type': type, 'WWW-Authenticate': 'Basic realm="mlflow"' });
      response.end(body);
    });
    await new Promise<void>((done) => refusing.listen(0, '127.0.0.1', done));
  });
  afterAll(() => new Promise((done) => refusing.close(done)));

  const html = `<!doctype html>
<html lang=en>
<title>401 Unauthorized</title>
<h1>Unauthorized</h1>
<p>You are not authenticated. Please see https://www.mlflow.org/docs/latest/auth/index.html</p>`;
  const denied = '{"error_code": "PERMISSION_DENIED", "message": "Permission denied"}';

  it.each([
    [401, html, /401.*MLFLOW_TRACKING_TOKEN.*MLFLOW_TRACKING_USERNAME/],
    [403, denied, /403 PERMISSION_DENIED.*an account that may write/],
  ])(
    'with %d ends the run with 5 before its first step',
    async (code, answer, message) => {
      [status, body] = [code, answer];
      const { port } = refusing.address() as AddressInfo;
      const address = `127.0.0.1:${port}`;
      const out = `refused-${code}`;
      // A password in the address counts like the variables, and is shown nowhere.
      const mlflow = { tracking_uri: `http://me:hunter2@${address}` };
      const ended = await train(folder, out, { mlflow });
      expect(ended.code).toBe(5);
      expect(asked.at(-1)).toBe(`Basic ${btoa('me:hunter2')}`);
      const { events } = ended;
      expect(events.map(({ type }) => type)).toEqual(['run_started', 'failed']);
      expect(events.at(-1)).toMatchObject({
        code: 'mlflow_refused',
        message: expect.stringMatching(message),
      });
      expect(ended.stderr).toMatch(message);
      expect(ended.stderr).not.toContain('<');
      const grep = ['-r', '-l', 'hunter2', ended.run];
      expect(() => execFileSync('grep', grep, { encoding: 'utf8' }), 'a file with the password').toThrow();
      expect(ended.stdout + ended.stderr).not.toContain('hunter2');
    },
    60_000,
  );
});
