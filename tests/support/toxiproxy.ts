/** Toxiproxy on loopback: a proxy before a real server that breaks connections as told. */
import { type ChildProcess, spawn } from 'node:child_process';
import { freePort } from './ports.ts';
import { serverProgram } from './servers.ts';

export interface Toxic {
  readonly type: string;
  readonly stream?: 'upstream' | 'downstream';
  readonly toxicity?: number;
  readonly attributes: Readonly<Record<string, number>>;
}

export class Toxiproxy {
  private child: ChildProcess | undefined;
  private count = 0;

  private constructor(
    private readonly api: number,
    /** Where the proxy listens. */
    readonly port: number,
  ) {}

  /** @param upstream the port on this machine that it stands before */
  static async start(upstream: number): Promise<Toxiproxy> {
    const proxy = new Toxiproxy(await freePort(), await freePort());
    await proxy.up(await serverProgram('toxiproxy'), upstream);
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Adds a fault; the returned function takes it away (again: nothing happens). */
  async add(toxic: Toxic): Promise<() => Promise<void>> {
    const name = `toxic-${this.count++}`;
    await this.ask('POST', '/proxies/server/toxics', { stream: 'downstream', toxicity: 1, ...toxic, name });
    return async () => {
      await this.call('DELETE', `/proxies/server/toxics/${name}`);
    };
  }

  /** Takes all faults away. */
  async clear(): Promise<void> {
    await this.ask('POST', '/reset');
  }

  /** Off: connections are refused. */
  async enable(enabled: boolean): Promise<void> {
    await this.ask('POST', '/proxies/server', { enabled });
  }

  async dispose(): Promise<void> {
    const child = this.child;
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  private async up(program: string, upstream: number): Promise<void> {
    this.child = spawn(program, ['-host', '127.0.0.1', '-port', String(this.api)], { stdio: 'ignore' });
    const deadline = Date.now() + 30_000;
    while (Date.now() < deadline) {
      if (this.child.exitCode !== null) break;
      const ready = await this.call('GET', '/version').catch(() => undefined);
      if (ready?.ok) {
        const [listen, target] = [this.port, upstream].map((port) => `127.0.0.1:${port}`);
        await this.ask('POST', '/proxies', { name: 'server', listen, upstream: target, enabled: true });
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await this.dispose();
    throw new Error('toxiproxy did not start');
  }

  private async ask(method: string, path: string, body?: object): Promise<void> {
    const response = await this.call(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`toxiproxy answered ${response.status} to ${path}: ${text}`);
  }

  private call(method: string, path: string, body?: object): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.api}${path}`, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } } : {}),
    });
  }
}
