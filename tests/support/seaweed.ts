/**
 * A real S3 server on loopback: SeaweedFS, which checks signatures, expiry, session tokens and bucket CORS rules,
 * and hands out temporary keys (STS). Ready in about a second, on ports of its own, in a folder of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AwsClient } from 'aws4fetch';
import { freePort } from './ports.ts';
import { python } from './python.ts';

export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export class S3Server implements S3Keys {
  readonly accessKeyId = 'test-admin';
  readonly secretAccessKey = 'test-secret-of-nobody';
  readonly region = 'us-east-1';
  private child: ChildProcess | undefined;
  private output = '';

  private constructor(
    private readonly folder: string,
    readonly port: number,
    private readonly others: readonly number[],
  ) {}

  /** @param milliseconds that it may take, on a machine however busy; less than the hook that waits for it */
  static async start(milliseconds = 60_000): Promise<S3Server> {
    const folder = await mkdtemp(join(tmpdir(), 'ocelli-s3-'));
    const ports = await Promise.all(Array.from({ length: 5 }, freePort));
    const server = new S3Server(folder, ports[0]!, ports.slice(1));
    await server.up(milliseconds);
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Environment variables with which our own code finds it. */
  get environment(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL_S3: this.endpoint,
      AWS_ACCESS_KEY_ID: this.accessKeyId,
      AWS_SECRET_ACCESS_KEY: this.secretAccessKey,
      AWS_REGION: this.region,
    };
  }

  /** Starts it, again too: same port, same files. */
  async up(milliseconds = 60_000): Promise<void> {
    const [command] = await python('servers');
    const [master, volume, filer, admin] = this.others;
    this.output = '';
    this.child = spawn(
      command!.replace(/python$/, 'weed'),
      [
        'mini',
        `-dir=${this.folder}`,
        ...['-ip=127.0.0.1', '-ip.bind=127.0.0.1', `-s3.port=${this.port}`],
        ...[
          `-master.port=${master}`,
          `-volume.port=${volume}`,
          `-filer.port=${filer}`,
          `-admin.port=${admin}`,
        ],
        ...['-s3.port.iceberg=0', '-s3.port.lance=0', '-s3.allowedOrigins=http://none.invalid'],
        ...['-master.telemetry=false', '-admin.ui=false', '-webdav=false'],
      ],
      {
        // It writes a file of options to its home.
        cwd: this.folder,
        env: {
          PATH: process.env.PATH ?? '',
          HOME: this.folder,
          AWS_ACCESS_KEY_ID: this.accessKeyId,
          AWS_SECRET_ACCESS_KEY: this.secretAccessKey,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on('data', (chunk) => (this.output = (this.output + chunk).slice(-20_000)));
    const deadline = Date.now() + milliseconds;
    while (Date.now() < deadline) {
      if (this.child.exitCode !== null) break;
      const ready = await fetch(`${this.endpoint}/healthz`).catch(() => undefined);
      if (ready?.ok && (await this.request('/').catch(() => undefined))?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await this.dispose();
    throw new Error(`SeaweedFS did not start:\n${this.output}`);
  }

  async down(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.child;
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  async dispose(): Promise<void> {
    await this.down();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A signed request with the administrator's keys. */
  request(path: string, init: RequestInit = {}, service = 's3'): Promise<Response> {
    const { accessKeyId, secretAccessKey, region } = this;
    const client = new AwsClient({ accessKeyId, secretAccessKey, region, service, retries: 0 });
    return client.fetch(`${this.endpoint}${path}`, init);
  }

  /** Makes a bucket, and gives back its name. */
  async bucket(name: string): Promise<string> {
    await expectOk(await this.request(`/${name}`, { method: 'PUT' }));
    return name;
  }

  async put(bucket: string, key: string, bytes: Uint8Array | string): Promise<void> {
    const path = key.split('/').map(encodeURIComponent).join('/');
    await expectOk(await this.request(`/${bucket}/${path}`, { method: 'PUT', body: bytes as BodyInit }));
  }

  /** An object as it lies there; undefined: none of that name. */
  async stored(bucket: string, key: string): Promise<Uint8Array | undefined> {
    const path = key.split('/').map(encodeURIComponent).join('/');
    const response = await this.request(`/${bucket}/${path}`);
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`the S3 server answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  }

  /** Lets pages of these origins read and write the bucket. */
  async allowOrigins(bucket: string, origins: readonly string[]): Promise<void> {
    const allowed = origins.map((origin) => `<AllowedOrigin>${origin}</AllowedOrigin>`).join('');
    const methods = ['GET', 'PUT', 'HEAD'].map((name) => `<AllowedMethod>${name}</AllowedMethod>`).join('');
    const exposed = ['ETag', 'Content-Range', 'Content-Length', 'Last-Modified']
      .map((name) => `<ExposeHeader>${name}</ExposeHeader>`)
      .join('');
    const body = `<CORSConfiguration><CORSRule>${allowed}${methods}<AllowedHeader>*</AllowedHeader>${exposed}</CORSRule></CORSConfiguration>`;
    await expectOk(await this.request(`/${bucket}?cors`, { method: 'PUT', body }));
  }

  async forbidOrigins(bucket: string): Promise<void> {
    await expectOk(await this.request(`/${bucket}?cors`, { method: 'DELETE' }));
  }

  /** Temporary keys (STS), narrowed by a policy; 900 s is the shortest life that it gives. */
  async temporaryKeys(policy?: object, seconds = 900): Promise<Required<S3Keys> & { expiration: number }> {
    const form = new URLSearchParams({
      Action: 'AssumeRole',
      Version: '2011-06-15',
      DurationSeconds: String(seconds),
      RoleSessionName: 'tests',
      ...(policy ? { Policy: JSON.stringify(policy) } : {}),
    });
    const response = await this.request(
      '/',
      {
        method: 'POST',
        body: form.toString(),
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      },
      'sts',
    );
    const text = await response.text();
    const part = (name: string): string => {
      const found = new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1];
      if (!found) throw new Error(`STS answered ${response.status} without ${name}: ${text}`);
      return found;
    };
    return {
      accessKeyId: part('AccessKeyId'),
      secretAccessKey: part('SecretAccessKey'),
      sessionToken: part('SessionToken'),
      expiration: Date.parse(part('Expiration')),
    };
  }
}

async function expectOk(response: Response): Promise<void> {
  if (!response.ok) throw new Error(`the S3 server answered ${response.status}: ${await response.text()}`);
  await response.arrayBuffer();
}
