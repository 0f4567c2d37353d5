/**
 * MLflow's REST interface, as far as a run needs it. One request at a time, each with a time limit; what may
 * pass (429, 408, 5xx, an unreachable server) is told apart from what won't (400, 401, 403, 404), and
 * `withRetries` waits as the server asks in between.
 *
 * Sources: MLflow's REST documentation and service.proto. Two habits guard against silent loss: every param and
 * tag is a string, every timestamp and step an integer (the server keeps what comes before a badly typed field
 * and answers 200).
 */
import { RemoteError } from '../core/index.ts';
import type { Endpoint } from '../storage/index.ts';

export class MlflowError extends RemoteError {
  constructor(
    readonly status: number | undefined,
    readonly errorCode: string,
    message: string,
    /** Seconds, when the server named a time. */
    readonly retryAfter: number | undefined,
    host: string,
    cause?: unknown,
  ) {
    const transient = status === undefined || status === 408 || status === 429 || status >= 500;
    super({
      code: transient ? 'mlflow_unavailable' : 'mlflow_refused',
      expected: `the MLflow server at ${host} to take the request`,
      received: status === undefined ? message : `${status} ${errorCode} ${message}`.trim(),
      fix: transient
        ? 'try again later: `ocelli push <run>` sends what is missing'
        : status === 401 || status === 403
          ? 'set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, to an account that may write'
          : 'check mlflow.tracking_uri and mlflow.experiment_name',
      cause,
    });
  }

  /** Whether the same request may succeed later. */
  get transient(): boolean {
    return this.code === 'mlflow_unavailable';
  }
}

export interface RequestOptions {
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string>>;
  /** Milliseconds (20,000). */
  readonly timeout?: number;
}

export class MlflowClient {
  constructor(
    readonly endpoint: Endpoint,
    private readonly fetcher: typeof fetch = fetch,
  ) {}

  get host(): string {
    return this.endpoint.host;
  }

  /** A JSON request to `/api/2.0/mlflow/<path>`. */
  async call<Answer>(
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    options: RequestOptions = {},
  ): Promise<Answer> {
    const query = options.query ? `?${new URLSearchParams(options.query)}` : '';
    const response = await this.authorized(`${this.host}/api/2.0/mlflow/${path}${query}`, {
      method,
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      signal: AbortSignal.timeout(options.timeout ?? 20_000),
    });
    const text = await response.text();
    try {
      return JSON.parse(text || '{}') as Answer;
    } catch (cause) {
      throw new MlflowError(
        404,
        'NOT_MLFLOW',
        'the answer is not JSON: is this an MLflow server?',
        undefined,
        this.host,
        cause,
      );
    }
  }

  /** Uploads one file through the tracking server's artifact proxy. */
  async putArtifact(path: string, bytes: Uint8Array): Promise<void> {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    const seconds = 60 + bytes.byteLength / 250_000;
    await this.authorized(`${this.host}/api/2.0/mlflow-artifacts/artifacts/${encoded}`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/octet-stream' },
      body: bytes as Uint8Array<ArrayBuffer>,
      signal: AbortSignal.timeout(Math.ceil(seconds * 1000)),
    });
  }

  /** Uploads one file by a gateway, which asks for the address and puts the bytes there. */
  async putThroughGateway(
    owner: { readonly kind: string; readonly id: string },
    path: string,
    bytes: Uint8Array,
  ): Promise<void> {
    const query = new URLSearchParams({ [`${owner.kind}_id`]: owner.id, path });
    await this.authorized(`${this.host}/artifact?${query}`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/octet-stream' },
      body: bytes as Uint8Array<ArrayBuffer>,
      signal: AbortSignal.timeout(600_000),
    });
  }

  /** Uploads one file to a URL that the server signed; no token goes with it. */
  async putSigned(url: string, headers: Readonly<Record<string, string>>, bytes: Uint8Array): Promise<void> {
    await this.send(url, {
      method: 'PUT',
      headers,
      body: bytes as Uint8Array<ArrayBuffer>,
      signal: AbortSignal.timeout(600_000),
    });
  }

  /** With the server's token; with another one when that has ended and there is one. */
  private async authorized(url: string, init: RequestInit): Promise<Response> {
    for (let renewed = false; ; renewed = true) {
      const headers = await this.endpoint.headers();
      try {
        return await this.send(url, { ...init, headers: { ...init.headers, ...headers } });
      } catch (error) {
        const ended = error instanceof MlflowError && error.status === 401 && !renewed;
        if (!ended || !(await this.endpoint.renew(headers))) throw error;
      }
    }
  }

  private async send(url: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      // A redirect could carry the token to another host.
      // A new connection each time: the server closes an idle one after seconds, and while a step computes
      // nobody here would notice before writing to it.
      const headers = { ...init.headers, Connection: 'close' };
      // Called by itself: the fetch of browsers refuses to be a method of anything else.
      const { fetcher } = this;
      response = await fetcher(url, { ...init, headers, redirect: 'error' });
    } catch (cause) {
      const reason =
        cause instanceof Error
          ? ((cause.cause as Error | undefined)?.message ?? cause.message)
          : String(cause);
      throw new MlflowError(undefined, '', `no answer (${reason})`, undefined, this.host, cause);
    }
    if (response.ok) return response;
    const text = await response.text().catch(() => '');
    let errorCode = '';
    let message = response.statusText;
    try {
      const parsed = JSON.parse(text) as { error_code?: string; message?: string };
      errorCode = parsed.error_code ?? '';
      message = parsed.message ?? message;
    } catch {
      // Unknown routes and 401 answer in HTML, which helps nobody.
    }
    throw new MlflowError(
      response.status,
      errorCode,
      this.endpoint.redact(message).slice(0, 500),
      retryAfter(response),
      this.host,
    );
  }
}

function retryAfter(response: Response): number | undefined {
  const header = response.headers.get('Retry-After');
  if (!header) return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}

/** Milliseconds to wait before attempt `attempt` (from 1): what the server asked for, else exponential with jitter, at most a minute. */
export function retryDelay(error: unknown, attempt: number): number {
  const asked = error instanceof MlflowError ? error.retryAfter : undefined;
  if (asked !== undefined) return Math.min(60, asked) * 1000;
  return Math.min(60_000, 500 * 2 ** (attempt - 1)) * (0.5 + 0.5 * Math.random());
}

/** Runs a request again while it fails for a passing reason, until `attempts` or the signal end it. */
export async function withRetries<T>(
  attempts: number,
  request: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof MlflowError) || !error.transient || attempt >= attempts || signal?.aborted)
        throw error;
      await sleep(retryDelay(error, attempt), signal);
    }
  }
}

/** Resolves after a time, or at once when the signal fires. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done);
  });
}
