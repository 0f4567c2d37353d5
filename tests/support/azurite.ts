/**
 * Azurite on loopback: Microsoft's own emulator of Azure Blob Storage, which checks shared access signatures as
 * Azure does. With the emulator's published account and key, which are nobody's secret.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { freePort } from './ports.ts';
import { serverProgram } from './servers.ts';

const account = 'devstoreaccount1';
const accountKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

export class AzuriteServer {
  readonly account = account;
  readonly accountKey = accountKey;
  private child: ChildProcess | undefined;
  private output = '';

  private constructor(
    readonly port: number,
    private readonly address = `http://127.0.0.1:${port}/${account}`,
  ) {}

  /** One that runs already, at the address of its account. */
  static at(endpoint: string): AzuriteServer {
    return new AzuriteServer(0, endpoint.replace(/\/+$/, ''));
  }

  /** @param options `megabytes`: what it holds at most, in its memory; `port`: where one ran before */
  static async start(
    options: { readonly megabytes?: number; readonly port?: number } = {},
  ): Promise<AzuriteServer> {
    const server = new AzuriteServer(options.port ?? (await freePort()));
    await server.up(options.megabytes);
    return server;
  }

  /** Of the account. */
  get endpoint(): string {
    return this.address;
  }

  async dispose(): Promise<void> {
    const child = this.child;
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** A SAS of the account: which rights, for how long. */
  sas(permissions = 'racwdl', seconds = 3600): string {
    const time = (milliseconds: number): string => `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
    const version = '2020-10-02';
    const [from, to] = [time(Date.now() - 300_000), time(Date.now() + 1000 * seconds)];
    const signed = [account, permissions, 'b', 'sco', from, to, '', 'https,http', version, ''];
    const signature = createHmac('sha256', Buffer.from(accountKey, 'base64'))
      .update(signed.join('\n'))
      .digest('base64');
    return new URLSearchParams({
      sv: version,
      ss: 'b',
      srt: 'sco',
      sp: permissions,
      st: from,
      se: to,
      spr: 'https,http',
      sig: signature,
    }).toString();
  }

  /** Makes a container, and gives back its name. */
  async container(name: string): Promise<string> {
    // There already: all the same.
    await this.request(`${name}?restype=container`, { method: 'PUT' }, [409]);
    return name;
  }

  async put(container: string, path: string, bytes: Uint8Array | string): Promise<void> {
    const headers = { 'x-ms-blob-type': 'BlockBlob' };
    await this.request(this.blob(container, path), { method: 'PUT', headers, body: bytes as BodyInit });
  }

  /** A blob as it lies there; undefined: none of that name. */
  async stored(container: string, path: string): Promise<Uint8Array | undefined> {
    const response = await this.request(this.blob(container, path), {}, [404]);
    return response.status === 404 ? undefined : new Uint8Array(await response.arrayBuffer());
  }

  /** A request with all rights. */
  async request(path: string, init: RequestInit = {}, alsoOk: readonly number[] = []): Promise<Response> {
    const url = `${this.endpoint}/${path}${path.includes('?') ? '&' : '?'}${this.sas('rwdlacup')}`;
    const headers = { 'x-ms-version': '2020-10-02', ...(init.headers as Record<string, string>) };
    const response = await fetch(url, { ...init, headers });
    if (!response.ok && !alsoOk.includes(response.status))
      throw new Error(`Azurite answered ${response.status}: ${await response.text()}`);
    return response;
  }

  private blob(container: string, path: string): string {
    return `${container}/${path.split('/').map(encodeURIComponent).join('/')}`;
  }

  private async up(megabytes: number | undefined): Promise<void> {
    const program = await serverProgram('azurite');
    const limit = megabytes === undefined ? [] : ['--extentMemoryLimit', String(megabytes)];
    const place = ['--blobHost', '127.0.0.1', '--blobPort', String(this.port)];
    this.child = spawn(
      process.execPath,
      [
        program,
        '--silent',
        '--inMemoryPersistence',
        ...limit,
        ...place,
        '--skipApiVersionCheck',
        '--disableTelemetry',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on('data', (chunk) => (this.output = (this.output + chunk).slice(-20_000)));
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline) {
      if (this.child.exitCode !== null) break;
      // Any answer will do: without a right it is 403.
      if (await fetch(this.endpoint).catch(() => undefined)) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await this.dispose();
    throw new Error(`Azurite did not start:\n${this.output}`);
  }
}
