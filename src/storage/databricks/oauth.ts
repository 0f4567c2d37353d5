/**
 * OAuth for service principals (client credentials, RFC 6749 4.4): a client id and a secret become a token that
 * lasts an hour. Where to ask is discovered: the workspace's `/.well-known/databricks-config` names its OIDC
 * endpoint, whose metadata (RFC 8414) name the token endpoint; older workspaces have the metadata alone, at a
 * known place.
 *
 * The secret goes to the token endpoint only, and that must be on TLS (or be the loopback host itself). One request
 * at a time: whoever asks meanwhile gets its answer.
 */
import { ConfigError, RemoteError } from '../../core/index.ts';
import type { DatabricksAccess } from './types.ts';

/** Seconds before the end at which a token counts as gone, as Databricks advises. */
const margin = 40;
const patience = 30_000;
const attempts = 3;

interface Token {
  readonly value: string;
  /** Milliseconds since 1970, by our clock. */
  readonly expires: number;
}

export interface ClientIdentity {
  readonly host: string;
  readonly accountId: string | undefined;
  readonly clientId: string;
  readonly clientSecret: string;
}

export class ClientCredentials implements DatabricksAccess {
  readonly method = 'oauth-m2m';
  readonly host: string;
  private endpoint: Promise<string> | undefined;
  private token: Token | undefined;
  private pending: Promise<Token> | undefined;
  /** For `redact`: requests with an older token may still be answered. */
  private readonly seen: string[] = [];

  constructor(
    private readonly identity: ClientIdentity,
    private readonly fetcher: typeof fetch = fetch,
    private readonly now: () => number = Date.now,
  ) {
    this.host = identity.host;
  }

  async authorization(signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted();
    if (this.token && this.now() < this.token.expires - margin * 1000) return `Bearer ${this.token.value}`;
    // Not with the caller's signal: others wait for the same answer.
    this.pending ??= this.request().finally(() => {
      this.pending = undefined;
    });
    this.token = await this.pending;
    signal?.throwIfAborted();
    return `Bearer ${this.token.value}`;
  }

  async renew(refused: string): Promise<boolean> {
    // Of many requests that were refused together, the first one does it.
    if (this.token && refused === `Bearer ${this.token.value}`) this.token = undefined;
    return true;
  }

  redact(text: string): string {
    return [this.identity.clientSecret, this.basic(), ...this.seen].reduce(
      (shown, secret) => shown.replaceAll(secret, '…'),
      text,
    );
  }

  private basic(): string {
    const { clientId, clientSecret } = this.identity;
    return btoa(String.fromCharCode(...new TextEncoder().encode(`${clientId}:${clientSecret}`)));
  }

  private async request(): Promise<Token> {
    this.endpoint ??= this.discover().catch((error: unknown) => {
      this.endpoint = undefined;
      throw error;
    });
    const endpoint = await this.endpoint;
    const asked = this.now();
    const response = await this.send(endpoint, {
      method: 'POST',
      headers: {
        Authorization: `Basic ${this.basic()}`,
        'Content-Type': 'application/x-www-form-urlencoded',
        Accept: 'application/json',
      },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'all-apis' }).toString(),
    });
    const text = await response.text();
    const answer = parsed(text);
    if (!response.ok) throw this.refused(response.status, answer, text);
    const { access_token: value, token_type: type, expires_in: seconds } = answer;
    if (typeof value !== 'string' || value === '' || !/^bearer$/i.test(String(type ?? 'Bearer'))) {
      throw this.refused(response.status, {}, 'no bearer token');
    }
    this.seen.unshift(value);
    this.seen.length = Math.min(this.seen.length, 4);
    const lifetime = Number(seconds);
    return { value, expires: asked + (Number.isFinite(lifetime) ? lifetime : 3600) * 1000 };
  }

  /** The token endpoint. */
  private async discover(): Promise<string> {
    const { host, accountId } = this.identity;
    const config = await this.json(`${host}/.well-known/databricks-config`);
    const account = accountId ?? (typeof config?.account_id === 'string' ? config.account_id : '');
    const issuer =
      typeof config?.oidc_endpoint === 'string' && config.oidc_endpoint !== ''
        ? config.oidc_endpoint.replace('{account_id}', encodeURIComponent(account)).replace(/\/+$/, '')
        : `${host}/oidc`;
    const metadata = await this.json(`${issuer}/.well-known/oauth-authorization-server`);
    const named = metadata?.token_endpoint;
    const endpoint = typeof named === 'string' && URL.canParse(named) ? named : `${issuer}/v1/token`;
    const { protocol, origin } = new URL(endpoint);
    if (protocol === 'https:' || origin === host) return endpoint;
    throw new ConfigError({
      code: 'databricks_token_endpoint_invalid',
      expected: `a token endpoint on TLS for ${host}`,
      received: origin,
      fix: 'check DATABRICKS_HOST: the secret is not sent there',
    });
  }

  /** Undefined where nothing is found; a server that fails is an error. */
  private async json(url: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const response = await this.send(url, { headers: { Accept: 'application/json' } });
    const text = await response.text();
    if (response.ok) return parsed(text);
    if (response.status >= 500 || response.status === 429) throw this.refused(response.status, {}, text);
    return undefined;
  }

  /** Tries again what may pass: no answer, 429 and 5xx. */
  private async send(url: string, init: RequestInit): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await this.fetcher(url, {
          ...init,
          redirect: 'error',
          signal: AbortSignal.timeout(patience),
        });
        const passing = response.status === 429 || response.status >= 500;
        if (!passing || attempt >= attempts) return response;
        await response.body?.cancel();
        await pause(Number(response.headers.get('Retry-After')) || 2 ** attempt / 4);
      } catch (cause) {
        if (attempt >= attempts) throw this.unreachable(cause);
        await pause(2 ** attempt / 4);
      }
    }
  }

  private refused(status: number, answer: Readonly<Record<string, unknown>>, text: string): RemoteError {
    const code = answer.error ?? answer.errorCode ?? '';
    const description = answer.error_description ?? answer.errorSummary ?? (code ? '' : text);
    const shown = this.redact(`${code} ${description}`).replaceAll(/\s+/g, ' ').trim().slice(0, 300);
    const passing = status === 429 || status >= 500;
    return new RemoteError({
      code: passing ? 'databricks_unavailable' : 'databricks_sign_in_refused',
      signInRefused: !passing,
      expected: `a token for the service principal from ${this.host}`,
      received: `${status} ${shown}`.trim(),
      fix: 'check DATABRICKS_CLIENT_ID, DATABRICKS_CLIENT_SECRET (it may have expired) and DATABRICKS_HOST',
    });
  }

  private unreachable(cause: unknown): RemoteError {
    const inner = (cause as { cause?: { code?: string; message?: string } }).cause;
    return new RemoteError({
      code: 'databricks_unavailable',
      expected: `an answer from ${this.host}`,
      received: inner?.code ?? inner?.message ?? (cause instanceof Error ? cause.message : String(cause)),
      fix: 'check DATABRICKS_HOST and the connection',
      cause,
    });
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** @param seconds a minute at most */
function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.min(60, seconds) * 1000));
}
