/** Calls of MLflow through the gateway: those that a run needs, and no others. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resolveEndpoint } from '../storage/index.ts';
import { log, raw, secret, start, useGateways } from './gateway.test-data.ts';

useGateways();

describe('MLflow', () => {
  let mlflow: Server;
  let host: string;
  let asked: string[];
  let answer: { status: number; body: string; headers?: Record<string, string>; broken?: boolean };
  beforeAll(async () => {
    mlflow = createServer((incoming, response) => {
      let body = '';
      incoming.on('data', (chunk) => (body += chunk));
      incoming.on('end', () => {
        asked.push(
          `${incoming.method} ${incoming.url} ${incoming.headers.authorization} ${incoming.headers.cookie ?? ''}${body}`,
        );
        response.writeHead(answer.status, answer.headers);
        if (answer.broken) response.write(answer.body, () => response.destroy());
        else response.end(answer.body);
      });
    });
    await new Promise<void>((resolve) => mlflow.listen(0, '127.0.0.1', resolve));
    host = `http://127.0.0.1:${(mlflow.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => mlflow.close(resolve)));

  async function withMlflow(): Promise<string> {
    asked = [];
    answer = { status: 200, body: '{"ok":true}' };
    const endpoint = await resolveEndpoint(host, (name) =>
      name === 'MLFLOW_TRACKING_TOKEN' ? secret : undefined,
    );
    return `${await start({ mlflow: endpoint })}/gw/mlflow`;
  }

  test('calls that a run needs go on, with the rights of the gateway and nothing of the page', async () => {
    const url = await withMlflow();
    const response = await fetch(`${url}/api/2.0/mlflow/runs/create?x=1`, {
      method: 'POST',
      headers: { Authorization: 'Bearer of-the-page', Cookie: 'c=1' },
      body: '{"experiment_id":"0"}',
    });
    expect(await response.json()).toEqual({ ok: true });
    expect(asked).toEqual([`POST /api/2.0/mlflow/runs/create?x=1 Bearer ${secret} {"experiment_id":"0"}`]);
    await fetch(`${url}/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/a%20b.txt`, {
      method: 'PUT',
      body: 'bytes',
    });
    expect(asked.at(-1)).toBe(
      `PUT /api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/a%20b.txt Bearer ${secret} bytes`,
    );
  });

  test('files of models are read, whole and by ranges', async () => {
    const url = await withMlflow();
    const file = '/api/2.0/mlflow-artifacts/artifacts/1/models/m-1/artifacts/config.json';
    answer = {
      status: 206,
      body: 'page',
      headers: {
        'Content-Type': 'text/html',
        'Content-Length': '4',
        'Content-Range': 'bytes 2-5/9',
        'Set-Cookie': 'a=1',
      },
    };
    const part = await fetch(`${url}${file}`, { headers: { Range: 'bytes=2-5' } });
    expect([part.status, await part.text()]).toEqual([206, 'page']);
    const told = ['content-type', 'content-range', 'set-cookie'].map((name) => part.headers.get(name));
    expect(told).toEqual(['application/octet-stream', 'bytes 2-5/9', null]);
    answer = { status: 200, body: '{"files":[]}' };
    await fetch(`${url}/api/2.0/mlflow-artifacts/artifacts?path=1%2Fmodels%2Fm-1%2Fartifacts%2Fonnx&x=1`);
    expect(asked).toEqual([
      `GET ${file} Bearer ${secret} `,
      `GET /api/2.0/mlflow-artifacts/artifacts?path=1%2Fmodels%2Fm-1%2Fartifacts%2Fonnx Bearer ${secret} `,
    ]);
  });

  test('others are refused', async () => {
    const url = await withMlflow();
    for (const [method, path] of [
      ['POST', '/api/2.0/mlflow/runs/delete'],
      ['GET', '/api/2.0/mlflow/users/get'],
      ['POST', '/api/2.0/mlflow/runs/get'],
      ['DELETE', '/api/2.0/mlflow/logged-models/m-1'],
      ['GET', '/api/2.0/mlflow-artifacts/artifacts/0/x'],
      ['GET', '/api/2.0/mlflow-artifacts/artifacts?path=0/r/artifacts'],
      ['GET', '/api/2.0/mlflow-artifacts/artifacts?path=models/m-1/artifacts/../../x'],
      ['GET', '/api/2.0/mlflow-artifacts/artifacts/models/m-1/artifacts/%2e%2e/%2e%2e/x'],
      ['GET', '/api/2.0/mlflow/model-versions/search'],
      ['GET', '/api/2.0/mlflow/logged-models/..'],
      ['POST', '/api/2.0/mlflow/registered-models/alias'],
      ['DELETE', '/api/2.0/mlflow-artifacts/artifacts/0/x'],
      ['GET', '/'],
      ['GET', '/api/2.0/mlflow/runs/get/../../users/get'],
      ['GET', '/api/2.0/mlflow/runs%2fget'],
      ['GET', '/api/2.0/mlflow/%2e%2e/users/get'],
      ['PATCH', '/api/2.0/mlflow/logged-models/..%2fusers'],
      ['PUT', '/api/2.0/mlflow-artifacts/artifacts/../../../etc'],
      ['PUT', '/api/2.0/mlflow-artifacts/artifacts/%2e%2e/%2e%2e/etc'],
      ['PUT', '/api/2.0/mlflow-artifacts/artifacts/a%252e%252e%252fb/%252e%252e/x'],
      ['PUT', '/api/2.0/mlflow-artifacts/artifacts/a%5c..%5cb'],
      ['PUT', '/api/2.0/mlflow-artifacts/artifacts//x'],
      ['PUT', '/api/2.0/mlflow-artifacts/artifacts/http://169.254.169.254/'],
    ] as const) {
      const { status } = await raw(url, `/gw/mlflow${path}`, {
        method,
        ...(method === 'GET' ? {} : { body: '{}', headers: { 'Content-Length': '2' } }),
      });
      expect([path, status]).toEqual([
        path,
        expect.toSatisfy((value: number) => value >= 400 && value < 500),
      ]);
    }
    expect(asked).toEqual([]);
  });

  test('no redirect is followed, no sign-in page passed, no secret repeated', async () => {
    const url = await withMlflow();
    answer = { status: 302, body: '', headers: { Location: 'http://169.254.169.254/' } };
    expect((await fetch(`${url}/api/2.0/mlflow/runs/get?run_id=1`)).status).toBe(502);
    answer = {
      status: 401,
      body: `<html><script>x</script>Bearer ${secret}</html>`,
      headers: { 'Content-Type': 'text/html' },
    };
    const html = await fetch(`${url}/api/2.0/mlflow/runs/get?run_id=1`);
    expect(html.headers.get('content-type')).toMatch(/json/);
    answer = {
      status: 400,
      body: JSON.stringify({ error_code: 'X', message: `got Bearer ${secret}` }),
      headers: { 'Set-Cookie': 'a=1' },
    };
    const echo = await fetch(`${url}/api/2.0/mlflow/runs/get?run_id=1`);
    expect(echo.headers.get('set-cookie')).toBeNull();
    expect(`${await html.text()}${await echo.text()}${JSON.stringify(log)}`).not.toContain(secret);
  });

  test('an answer that breaks off is a server that did not answer', async () => {
    const url = await withMlflow();
    answer = { status: 200, body: '{"runs":[', headers: { 'Content-Length': '1000' }, broken: true };
    const response = await fetch(`${url}/api/2.0/mlflow/runs/get?run_id=${'a'.repeat(32)}`);
    expect(response.status).toBe(502);
    expect(await response.text()).not.toContain(secret);
  });
});
