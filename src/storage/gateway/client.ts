/**
 * The wire of a gateway (docs/gateway.md), from the side that holds no keys: what it offers, lists, signs, and
 * passes on. Errors come back as they were thrown there.
 */
import {
  CheckpointError,
  ConfigError,
  DataError,
  type ErrorDetails,
  type OcelliError,
  RemoteError,
  RunError,
} from '../../core/index.ts';
import { Http, type HttpAnswer } from '../http/index.ts';
import type { Entry, SignedUrl } from '../volume.ts';

export interface GatewayInfo {
  readonly volumes: readonly { readonly place: string; readonly write: boolean }[];
  /** Where calls to MLflow are passed on: what addresses of its own pages begin with. */
  readonly mlflow: { readonly pages: string } | null;
  readonly limits: { readonly paths: number; readonly upload: number };
}

/** Bytes of a listing: some millions of files. */
const largestListing = 2 ** 29;
const errorKinds = { ConfigError, DataError, CheckpointError, RemoteError, RunError } as const;

export class GatewayClient {
  private known: Promise<GatewayInfo> | undefined;
  private readonly http: Http;
  private readonly address: string;

  /** @param address of the gateway: `http://127.0.0.1:8090`, with or without `/gw` at the end */
  constructor(address: string, http?: Http) {
    this.address = `${address.replace(/\/+$/, '').replace(/\/gw$/, '')}/gw`;
    // Proxies in front of a gateway know their users by a cookie; stores get none.
    const fetcher: typeof fetch = (input, init) =>
      globalThis.fetch(input, { ...init, credentials: 'same-origin' });
    this.http = http ?? new Http({ fetcher, conditional: false, perHost: 64 });
  }

  async info(signal?: AbortSignal): Promise<GatewayInfo> {
    this.known ??= this.ask(signal).catch((error: unknown) => {
      this.known = undefined;
      throw error;
    });
    return this.known;
  }

  /** Where a file's bytes are passed on, for reads by range. */
  bytesUrl(volume: string, path: string): string {
    return `${this.address}/bytes?${new URLSearchParams({ volume, path })}`;
  }

  get bytesHttp(): Http {
    return this.http;
  }

  async list(volume: string, prefix: string, signal?: AbortSignal): Promise<Entry[]> {
    const query = new URLSearchParams({ volume, prefix });
    const label = `${volume}/${prefix}`;
    const answer = await this.send({ url: `${this.address}/list?${query}`, label, signal });
    const lines = new TextDecoder().decode(answer.body).split('\n');
    const entries: Entry[] = [];
    for (const line of lines) {
      if (line === '') continue;
      const value = JSON.parse(line) as Partial<Entry> & { end?: number; error?: WireError };
      if (value.error) throw thrown(value.error);
      if (value.end !== undefined) {
        if (value.end === entries.length) return entries;
        break;
      }
      entries.push(value as Entry);
    }
    throw new RemoteError({
      code: 'listing_truncated',
      expected: `the whole listing of ${label}`,
      received: `${entries.length} entries and no end`,
      fix: 'run the command again: the connection to the gateway may have broken',
    });
  }

  /** An answer per path, in their order. */
  async sign(volume: string, paths: readonly string[], signal?: AbortSignal): Promise<(SignedUrl | Error)[]> {
    const answer = await this.send({
      url: `${this.address}/sign`,
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ volume, paths }),
      label: volume,
      signal,
    });
    const { signed = [] } = parsed(answer) as { signed?: (SignedUrl | { error: WireError })[] };
    return signed.map((each) => ('error' in each ? thrown(each.error) : each));
  }

  async put(volume: string, path: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    await this.send({
      url: this.bytesUrl(volume, path),
      method: 'PUT',
      headers: { 'Content-Type': 'application/octet-stream' },
      body,
      label: `${volume}/${path}`,
      signal,
    });
  }

  async remove(volume: string, path: string): Promise<void> {
    await this.send({ url: this.bytesUrl(volume, path), method: 'DELETE', label: `${volume}/${path}` });
  }

  private async ask(signal?: AbortSignal): Promise<GatewayInfo> {
    const answer = await this.send({ url: `${this.address}/info`, label: this.address, signal });
    const info = parsed(answer) as Partial<GatewayInfo> & { gateway?: unknown };
    if (info.gateway === 'ocelli' && Array.isArray(info.volumes)) return info as GatewayInfo;
    throw notAGateway(this.address);
  }

  private async send(request: Parameters<Http['send']>[0]): Promise<HttpAnswer> {
    const answer = await this.http.send({ answerLimit: largestListing, redirects: 'none', ...request });
    if (answer.status >= 200 && answer.status < 300) return answer;
    const { error } = parsed(answer) as { error?: WireError };
    throw error?.code ? thrown(error) : notAGateway(this.address, answer.status);
  }
}

interface WireError extends Pick<ErrorDetails, 'code' | 'expected' | 'received' | 'fix'> {
  readonly kind?: string;
  readonly signInRefused?: boolean;
}

function thrown({ kind, code, expected, received, fix, signInRefused = false }: WireError): OcelliError {
  const Kind = errorKinds[kind as keyof typeof errorKinds] ?? RemoteError;
  return new Kind({ code, expected, received, fix, signInRefused });
}

function parsed({ body }: HttpAnswer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function notAGateway(address: string, status?: number): RemoteError {
  return new RemoteError({
    code: 'gateway_missing',
    expected: `an Ocelli gateway at ${address}`,
    received: status === undefined ? 'another server' : `status ${status} of another server`,
    fix: 'start one with `ocelli gateway`, and check OCELLI_GATEWAY',
  });
}
