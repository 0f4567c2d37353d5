/**
 * Tokens that a run was given are nowhere in what it says and leaves, also where a server refuses or fails, and with DEBUG on.
 * The two servers are stand-ins. Keys in addresses of a recipe: recipe-secrets.test.ts.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { builtCli } from '../support/cli.ts';
import { expectFailure, type Trained, train } from '../support/failed-runs.ts';
import { HubServer } from '../support/hub.ts';

// Each test starts a process or two; a machine may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ocelli-secrets-'));
  await builtCli();
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('secrets', () => {
  const secrets = { HF_TOKEN: 'hf_s3cretA', MLFLOW_TRACKING_TOKEN: 's3cretB', DEBUG: '1' };
  let hub: HubServer;
  let refusing: Server;
  const asked: (string | undefined)[] = [];
  beforeAll(async () => {
    hub = await HubServer.start({ 'org/private': { files: {}, token: 'another' } });
    refusing = createServer((request, response) => {
      asked.push(request.headers.authorization);
      response.writeHead(500).end(`no ${request.headers.authorization}`);
    });
    await new Promise<void>((done) => refusing.listen(0, '127.0.0.1', done));
  });
  afterAll(async () => {
    await hub.dispose();
    await new Promise((done) => refusing.close(done));
  });

  function expectSilent(run: Trained): void {
    for (const secret of ['s3cretA', 's3cretB', 'hunter2']) {
      expect(run.stdout + run.stderr).not.toContain(secret);
      const found = spawnSync('grep', ['-rl', secret, run.run], { encoding: 'utf8' }).stdout;
      expect(found, `files with ${secret}`).toBe('');
    }
  }

  it('of the hub stay secret when it refuses them (5)', async () => {
    const overrides = ['model.model_name=org/private', 'model.pretrained=true', 'model.config=null'];
    const env = { ...secrets, HF_ENDPOINT: hub.endpoint };
    const run = await train(folder, 'private', {}, overrides, env);
    expectFailure(run, 5, /org\/private.*HF_TOKEN/s);
    expect(hub.requests.some(({ authorization }) => authorization === 'Bearer hf_s3cretA')).toBe(true);
    expectSilent(run);
  });

  it('of MLflow stay secret in a run whose server fails, or whose address is none', async () => {
    const { port } = refusing.address() as AddressInfo;
    const mlflow = { tracking_uri: `http://127.0.0.1:${port}` };
    const run = await train(folder, 'secret', { mlflow, training: { max_epochs: 1 } }, [], secrets);
    expect(run.code, run.stderr).toBe(0);
    expect(asked).toContain('Bearer s3cretB');
    expect(run.events.at(-1)).toMatchObject({
      code: 'push_needed',
      message: expect.stringMatching(/ocelli push/),
    });
    expectSilent(run);
    const place = `mlflow.tracking_uri=ftp://me:hunter2@127.0.0.1:${port}`;
    const wrong = await train(folder, 'secret-place', {}, [place], { DEBUG: '1' });
    expectFailure(wrong, 2, /http\(s\)/);
    expectSilent(wrong);
  });
});
