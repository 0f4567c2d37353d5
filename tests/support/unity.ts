/**
 * Unity Catalog servers for tests. `UnityServer` starts the real `uc-server` (crates.io olai-uc-server) where
 * scripts/servers.sh has built it. `Catalog` fills any server, whatever its dialect, with a catalog, a schema and
 * volumes of a test's own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AzuriteServer } from './azurite.ts';
import { freePort } from './ports.ts';

export class UnityServer {
  private child: ChildProcess | undefined;
  private output = '';

  private constructor(
    readonly folder: string,
    readonly port: number,
  ) {}

  /** @param program what `serverProgram('uc-server')` gives */
  static async start(program: string): Promise<UnityServer> {
    const server = new UnityServer(await mkdtemp(join(tmpdir(), 'ocelli-uc-')), await freePort());
    await server.up(program);
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Where it may keep volumes on disk. */
  get data(): string {
    return join(this.folder, 'data');
  }

  async dispose(): Promise<void> {
    const child = this.child;
    if (child?.pid && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  private async up(program: string): Promise<void> {
    await mkdir(this.data, { recursive: true });
    const file = join(this.folder, 'uc.yaml');
    await writeFile(
      file,
      [
        'host: 127.0.0.1',
        `port: ${this.port}`,
        'backend: { engine: sqlite, path: ":memory:" }',
        `encryption: { active: { id: dev, key: ${randomBytes(32).toString('base64')} } }`,
        `local_storage: { allowed-roots: [${JSON.stringify(this.data)}] }`,
        'ui: { serve: false }',
        '',
      ].join('\n'),
    );
    this.child = spawn(program, ['serve', '-c', file], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on('data', (chunk) => (this.output = (this.output + chunk).slice(-20_000)));
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline) {
      if (this.child.exitCode !== null) break;
      const answer = await fetch(`${this.url}/api/2.1/unity-catalog/catalogs`).catch(() => undefined);
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await this.dispose();
    throw new Error(`uc-server did not start:\n${this.output}`);
  }
}

/** A catalog of a test's own on any server. */
export class Catalog {
  readonly schema = 'pictures';
  private readonly base: string;

  private constructor(
    url: string,
    private readonly token: string | undefined,
    readonly name: string,
  ) {
    this.base = `${url.replace(/\/+$/, '')}/api/2.1/unity-catalog`;
  }

  /** @param root where the server may keep what is its own; not every server wants one. */
  static async create(url: string, options: { token?: string | undefined; root: string }): Promise<Catalog> {
    const catalog = new Catalog(url, options.token, `ocelli_${randomBytes(4).toString('hex')}`);
    await catalog.location(`root_${catalog.name}`, `file://${options.root}`);
    const rooted = await catalog.post('catalogs', {
      name: catalog.name,
      storage_root: `file://${options.root}/managed`,
    });
    if (!rooted.ok) await catalog.need('catalogs', { name: catalog.name });
    await catalog.need('schemas', { name: catalog.schema, catalog_name: catalog.name });
    return catalog;
  }

  /** A place below a volume of this catalog. */
  place(volume: string, path = ''): string {
    return `uc://${this.name}/${this.schema}/${volume}${path ? `/${path}` : ''}`;
  }

  async volume(name: string, storage_location: string): Promise<string> {
    await this.need('volumes', {
      name,
      catalog_name: this.name,
      schema_name: this.schema,
      volume_type: 'EXTERNAL',
      storage_location,
    });
    return this.place(name);
  }

  /** Tells the server that it may use a container of Azurite, where the server asks for that. */
  async allowAzurite(
    azurite: Pick<AzuriteServer, 'account' | 'accountKey'>,
    container: string,
  ): Promise<void> {
    await this.post('credentials', {
      name: `azurite_${this.name}`,
      purpose: 'STORAGE',
      skip_validation: true,
      azure_storage_key: { account_name: azurite.account, account_key: azurite.accountKey },
    });
    await this.location(`lake_${this.name}`, `azurite://${container}`, `azurite_${this.name}`);
  }

  /** Some servers need a location before a volume lies in it; others don't know such things. */
  private async location(name: string, url: string, credential_name?: string): Promise<void> {
    if (credential_name === undefined) {
      credential_name = `local_${this.name}`;
      const key = { account_name: 'none', account_key: 'bm9uZQ==' };
      await this.post('credentials', {
        name: credential_name,
        purpose: 'STORAGE',
        skip_validation: true,
        azure_storage_key: key,
      });
    }
    await this.post('external-locations', { name, url, credential_name });
  }

  private async need(kind: string, body: object): Promise<void> {
    const response = await this.post(kind, body);
    if (!response.ok) throw new Error(`${kind}: ${response.status} ${await response.text()}`);
    await response.text();
  }

  private post(kind: string, body: object): Promise<Response> {
    return fetch(`${this.base}/${kind}`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}),
      },
      body: JSON.stringify(body),
    });
  }
}

/** The bucket of the first volume on S3 that a server has: one that it has keys for. */
export async function bucketOf(url: string, token: string | undefined): Promise<string | undefined> {
  const base = `${url.replace(/\/+$/, '')}/api/2.1/unity-catalog`;
  const get = async (
    path: string,
  ): Promise<Record<string, { name: string; storage_location?: string }[]>> => {
    const response = await fetch(`${base}/${path}`, {
      headers: token ? { Authorization: `Bearer ${token}` } : {},
    });
    return response.ok ? ((await response.json()) as never) : {};
  };
  for (const { name: catalog } of (await get('catalogs')).catalogs ?? []) {
    const schemas = await get(`schemas?catalog_name=${encodeURIComponent(catalog)}`);
    for (const { name: schema } of schemas.schemas ?? []) {
      const query = new URLSearchParams({ catalog_name: catalog, schema_name: schema });
      for (const { storage_location } of (await get(`volumes?${query}`)).volumes ?? []) {
        const bucket = /^s3a?:\/\/([^/]+)/.exec(storage_location ?? '')?.[1];
        if (bucket) return bucket;
      }
    }
  }
  return undefined;
}
