/**
 * A double of the official Unity Catalog server (Java, 0.6.0), which can't be installed from Maven Central: it
 * answers as that server was recorded to, in statuses, bodies and headers, for catalogs, schemas, volumes and
 * temporary credentials. Volumes on S3 get temporary keys of a real S3 server (STS), narrowed by a policy to the
 * volume's folder; like the official server with static keys, it tells no expiration time.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { S3Keys, S3Server } from './seaweed.ts';

const base = '/api/2.1/unity-catalog';

interface VolumeRecord {
  readonly volume_id: string;
  readonly full_name: string;
  readonly catalog_name: string;
  readonly schema_name: string;
  readonly name: string;
  readonly volume_type: string;
  readonly storage_location: string;
}

export interface UnityDoubleOptions {
  readonly s3?: S3Server;
  /** With authorization: which tokens are known, and what they may do. Left out: everybody may do everything. */
  readonly tokens?: Readonly<Record<string, 'owner' | 'reader' | 'nothing'>>;
}

/** An answer that is thrown. */
class Answer extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

export class UnityDouble {
  readonly requests: { method: string; path: string; authorization: string | undefined; body: string }[] = [];
  /** Keys that are handed out before good ones: for tests of renewal. */
  staleKeys: S3Keys[] = [];
  tokens: UnityDoubleOptions['tokens'];
  private readonly server: Server;
  private readonly catalogs = new Set<string>();
  private readonly schemas = new Set<string>();
  private readonly volumes = new Map<string, VolumeRecord>();

  private constructor(private readonly options: UnityDoubleOptions) {
    this.tokens = options.tokens;
    // Whoever asked may be gone before the question was heard.
    this.server = createServer((request, response) => {
      this.serve(request, response).catch(() => response.destroy());
    });
  }

  static async start(options: UnityDoubleOptions = {}): Promise<UnityDouble> {
    const double = new UnityDouble(options);
    await new Promise<void>((resolve) => double.server.listen(0, '127.0.0.1', resolve));
    return double;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async dispose(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += chunk;
    const url = new URL(request.url!, this.url);
    const { authorization } = request.headers;
    this.requests.push({ method: request.method!, path: url.pathname, authorization, body });
    const text = (status: number, words: string): void => {
      response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(words);
    };
    if (request.method === 'OPTIONS') return text(403, '403: Forbidden');
    if (!url.pathname.startsWith(`${base}/`) || url.pathname.endsWith('/'))
      return text(404, '404: Not Found');
    const path = url.pathname.slice(base.length).split('/').slice(1).map(decodeURIComponent);
    try {
      const rights = this.rightsOf(authorization);
      const route = `${request.method} ${path[0]}${path.length > 1 ? '/*' : ''}`;
      if (request.method === 'POST' && request.headers['content-type'] !== 'application/json')
        return text(415, '415: Unsupported Media Type');
      const answer = await this.route(route, path[1] ?? '', url.searchParams, body, rights);
      if (answer === undefined) return text(route.endsWith('/*') ? 405 : 404, '404: Not Found');
      if (answer === 'deleted') return text(200, '200 OK');
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    } catch (error) {
      const failure = error instanceof Answer ? error : new Answer(500, 'INTERNAL', String(error));
      response.writeHead(failure.status, { 'Content-Type': 'application/json' }).end(
        JSON.stringify({
          error_code: failure.reason,
          details: [{ reason: failure.reason, metadata: {}, '@type': 'google.rpc.ErrorInfo' }],
          stack_trace: null,
          message: failure.message,
        }),
      );
    }
  }

  private rightsOf(authorization: string | undefined): 'owner' | 'reader' | 'nothing' {
    if (!this.tokens) return 'owner';
    // Capital B, as the official server wants it.
    const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1];
    if (token === undefined) throw new Answer(401, 'UNAUTHENTICATED', 'No authorization found.');
    const rights = this.tokens[token];
    if (!rights) throw new Answer(401, 'UNAUTHENTICATED', 'Invalid access token.');
    return rights;
  }

  private async route(
    route: string,
    name: string,
    query: URLSearchParams,
    body: string,
    rights: 'owner' | 'reader' | 'nothing',
  ): Promise<object | 'deleted' | undefined> {
    switch (route) {
      case 'GET catalogs':
        return { catalogs: [...this.catalogs].map((one) => ({ name: one })), next_page_token: null };
      case 'POST catalogs':
        return this.createCatalog(JSON.parse(body));
      case 'GET schemas': {
        const of = `${query.get('catalog_name')}.`;
        const found = [...this.schemas].filter((full_name) => full_name.startsWith(of));
        return {
          schemas: found.map((full_name) => ({ name: full_name.slice(of.length), full_name })),
          next_page_token: null,
        };
      }
      case 'POST schemas':
        return this.createSchema(JSON.parse(body));
      case 'POST volumes':
        return this.createVolume(JSON.parse(body));
      case 'GET volumes':
        return this.listVolumes(query, rights);
      case 'GET volumes/*': {
        const volume = this.volumes.get(name);
        // The official server fails here instead of saying 404.
        if (!volume) throw new Answer(500, 'INTERNAL', `Failed to get volume: ${name}`);
        if (rights === 'nothing') throw new Answer(403, 'PERMISSION_DENIED', 'Access denied.');
        return details(volume);
      }
      case 'DELETE volumes/*':
        if (!this.volumes.delete(name)) throw new Answer(500, 'INTERNAL', `Failed to get volume: ${name}`);
        return 'deleted';
      case 'POST temporary-volume-credentials':
        return this.credentials(JSON.parse(body), rights);
      default:
        return undefined;
    }
  }

  private createCatalog({ name }: { name: string }): object {
    if (this.catalogs.has(name))
      throw new Answer(400, 'CATALOG_ALREADY_EXISTS', `Catalog already exists: ${name}`);
    this.catalogs.add(name);
    return {
      name,
      comment: null,
      properties: {},
      id: randomUUID(),
      created_at: Date.now(),
      updated_at: null,
    };
  }

  private createSchema({ name, catalog_name }: { name: string; catalog_name: string }): object {
    if (!this.catalogs.has(catalog_name))
      throw new Answer(404, 'CATALOG_NOT_FOUND', `Catalog not found: ${catalog_name}`);
    const full_name = `${catalog_name}.${name}`;
    if (this.schemas.has(full_name))
      throw new Answer(400, 'SCHEMA_ALREADY_EXISTS', `Schema already exists: ${full_name}`);
    this.schemas.add(full_name);
    return { name, catalog_name, full_name, schema_id: randomUUID(), comment: null };
  }

  private createVolume(asked: Omit<VolumeRecord, 'volume_id' | 'full_name'>): object {
    const schema = `${asked.catalog_name}.${asked.schema_name}`;
    if (!this.schemas.has(schema)) throw new Answer(404, 'SCHEMA_NOT_FOUND', `Schema not found: ${schema}`);
    const full_name = `${schema}.${asked.name}`;
    if (this.volumes.has(full_name))
      throw new Answer(400, 'RESOURCE_ALREADY_EXISTS', `Volume already exists: ${full_name}`);
    const storage_location = asked.storage_location.replace(/\/+$/, '');
    const volume = { ...asked, storage_location, full_name, volume_id: randomUUID() };
    this.volumes.set(full_name, volume);
    return details(volume);
  }

  private listVolumes(query: URLSearchParams, rights: string): object {
    const [catalog, schema] = [query.get('catalog_name'), query.get('schema_name')];
    if (!catalog || !schema)
      throw new Answer(400, 'INVALID_ARGUMENT', 'catalog_name and schema_name are needed');
    const found = [...this.volumes.values()].filter(
      (volume) => volume.catalog_name === catalog && volume.schema_name === schema && rights !== 'nothing',
    );
    const start = Number(query.get('page_token') ?? 0);
    const size = Math.min(100, Number(query.get('max_results') || 100));
    const next = start + size < found.length ? String(start + size) : null;
    return { volumes: found.slice(start, start + size).map(details), next_page_token: next };
  }

  private async credentials(
    { volume_id, operation }: { volume_id: string; operation: string },
    rights: 'owner' | 'reader' | 'nothing',
  ): Promise<object> {
    if (!/^[0-9a-f-]{36}$/.test(volume_id))
      throw new Answer(500, 'INTERNAL', `Invalid UUID string: ${volume_id}`);
    const volume = [...this.volumes.values()].find((one) => one.volume_id === volume_id);
    if (!volume) throw new Answer(404, 'NOT_FOUND', `Volume not found: ${volume_id}`);
    if (operation !== 'READ_VOLUME' && operation !== 'WRITE_VOLUME')
      throw new Answer(400, 'INVALID_ARGUMENT', `Unknown operation: ${operation}`);
    const allowed = operation === 'READ_VOLUME' ? rights !== 'nothing' : rights === 'owner';
    if (!allowed) throw new Answer(403, 'PERMISSION_DENIED', 'Access denied.');
    const none = {
      aws_temp_credentials: null,
      azure_user_delegation_sas: null,
      gcp_oauth_token: null,
      expiration_time: null,
      url: volume.storage_location,
    };
    const [, bucket, prefix] = /^s3:\/\/([^/]+)\/(.+)$/.exec(volume.storage_location) ?? [];
    if (!bucket) return none;
    if (!this.options.s3) throw new Answer(400, 'FAILED_PRECONDITION', 'S3 bucket configuration not found.');
    const keys =
      this.staleKeys.shift() ??
      (await this.options.s3.temporaryKeys(policy(bucket, prefix!, operation === 'WRITE_VOLUME')));
    return {
      ...none,
      aws_temp_credentials: {
        access_key_id: keys.accessKeyId,
        secret_access_key: keys.secretAccessKey,
        session_token: keys.sessionToken,
      },
    };
  }
}

function policy(bucket: string, prefix: string, write: boolean): object {
  const objects = [
    's3:GetObject',
    ...(write ? ['s3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'] : []),
  ];
  return {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: objects, Resource: [`arn:aws:s3:::${bucket}/${prefix}/*`] },
      {
        Effect: 'Allow',
        Action: ['s3:ListBucket'],
        Resource: [`arn:aws:s3:::${bucket}`],
        Condition: { StringLike: { 's3:prefix': [`${prefix}/*`] } },
      },
    ],
  };
}

function details(volume: VolumeRecord): object {
  const { volume_id, ...rest } = volume;
  return {
    ...rest,
    comment: null,
    owner: null,
    created_at: 1_763_700_000_000,
    created_by: null,
    updated_at: 1_763_700_000_000,
    updated_by: null,
    volume_id,
  };
}
