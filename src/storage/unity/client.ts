/**
 * The part of Unity Catalog's interface that leads to bytes: what a volume is, and temporary credentials for its
 * storage. Two servers speak it in two dialects (the official one in Java, and uc-server): numbers as text or as
 * numbers, unset fields as null or absent, errors under `error_code` or `errorCode`. Both are understood.
 */
import { DataError, type OcelliError, RemoteError } from '../../core/index.ts';
import type { Grant } from '../grant.ts';
import {
  type Http,
  type HttpAnswer,
  isWorthRetrying,
  objectFailure,
  type Refusal,
  refusalOf,
  refusalText,
} from '../http/index.ts';
import { escapePart } from '../paths.ts';

export interface UnityVolumeInfo {
  readonly id: string;
  readonly fullName: string;
  /** `s3://bucket/imgs`, `abfss://…`, `file:///…`; '' where only the credentials tell. */
  readonly storage: string;
}

export type UnityOperation = 'READ_VOLUME' | 'WRITE_VOLUME';

export interface UnityAccess {
  readonly url: string;
  readonly aws?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | undefined;
  readonly sas?: string | undefined;
  /** Google's: a token, which can't sign a URL. */
  readonly google?: boolean;
}

export interface UnityClientOptions {
  /** `https://host`, or with the path to the interface. */
  readonly url: string;
  /** Asked for each request: tokens are exchanged while a run goes on. */
  readonly token: () => string | undefined;
  readonly http: Http;
}

const basePath = '/api/2.1/unity-catalog';

export class UnityClient {
  private readonly base: string;

  constructor(private readonly options: UnityClientOptions) {
    const url = options.url.replace(/\/+$/, '');
    this.base = /\/api\/\d/.test(url) ? url : url + basePath;
  }

  /** @throws DataError `volume_missing`; RemoteError for everything else */
  async volume(fullName: string, signal?: AbortSignal): Promise<UnityVolumeInfo> {
    const label = `the volume ${fullName} of ${this.options.url}`;
    const body = await this.json({ path: `/volumes/${escapePart(fullName)}`, label, signal });
    const id = text(body.volume_id);
    if (!id) throw invalid(label, 'a volume without an id');
    return { id, fullName, storage: text(body.storage_location) ?? '' };
  }

  /** Keys for a volume's storage, for an hour or so. */
  async credentials(
    volume: UnityVolumeInfo,
    operation: UnityOperation,
    signal?: AbortSignal,
  ): Promise<Grant<UnityAccess>> {
    const what = operation === 'READ_VOLUME' ? 'to read' : 'to write';
    const label = `credentials ${what} the volume ${volume.fullName} of ${this.options.url}`;
    const body = await this.json({
      path: '/temporary-volume-credentials',
      label,
      signal,
      body: JSON.stringify({ volume_id: volume.id, operation }),
    });
    const url = text(body.url) ?? volume.storage;
    if (url === '') throw invalid(label, 'credentials for no place');
    const aws = fields(body.aws_temp_credentials) ?? fields(body.r2_temp_credentials);
    const accessKeyId = text(aws?.access_key_id);
    const secretAccessKey = text(aws?.secret_access_key);
    const sessionToken = text(aws?.session_token);
    const sas = text(fields(body.azure_user_delegation_sas)?.sas_token);
    return {
      access: {
        url,
        aws:
          accessKeyId && secretAccessKey
            ? { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }
            : undefined,
        sas: sas?.replace(/^\?/, ''),
        google: fields(body.gcp_oauth_token) !== undefined,
      },
      expires: milliseconds(body.expiration_time),
    };
  }

  private async json(request: {
    readonly path: string;
    readonly label: string;
    readonly body?: string;
    readonly signal?: AbortSignal | undefined;
  }): Promise<Record<string, unknown>> {
    const token = this.options.token();
    const answer = await this.options.http.send({
      url: this.base + request.path,
      method: request.body === undefined ? 'GET' : 'POST',
      headers: {
        Accept: 'application/json',
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
        ...(request.body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      label: request.label,
      signal: request.signal,
      answerLimit: 2 ** 20,
      retry: (got) => isWorthRetrying(got) && !isUnknownVolume(got),
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    if (answer.status !== 200) throw failure(answer, request.label);
    try {
      const body: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(answer.body));
      const found = fields(body);
      if (found) return found;
    } catch (cause) {
      throw invalid(request.label, 'a body that is no JSON', cause);
    }
    throw invalid(request.label, 'another JSON value');
  }
}

/** The official server answers 500 for a volume that it does not know, and for an id that is none. */
function isUnknownVolume(answer: HttpAnswer): boolean {
  const { code, message } = refusalOf(answer);
  return answer.status === 500 && code === 'INTERNAL' && /failed to get volume/i.test(message);
}

function failure(answer: HttpAnswer, label: string): OcelliError {
  const refusal = refusalOf(answer);
  if (refusal.kind === 'missing' || isUnknownVolume(answer)) return missing(refusal, label);
  if (answer.status === 401) {
    return new RemoteError({
      code: 'access_denied',
      expected: label,
      received: refusalText(refusal),
      fix: 'set UC_TOKEN to a token that this server knows and that has not expired',
      signInRefused: true,
    });
  }
  if (answer.status === 403) {
    return new RemoteError({
      code: 'access_denied',
      expected: label,
      received: refusalText(refusal),
      fix: 'ask for USE CATALOG, USE SCHEMA and READ VOLUME; writing needs the volume to be yours',
      // What is asked for here are keys for the whole volume.
      signInRefused: true,
    });
  }
  if (refusal.code === 'FAILED_PRECONDITION') {
    return new RemoteError({
      code: 'remote_refused',
      expected: label,
      received: refusalText(refusal),
      fix: "the server has no credentials for this volume's storage: its configuration has to name the bucket",
    });
  }
  return objectFailure(refusal, { label });
}

function missing(refusal: Refusal, label: string): DataError {
  return new DataError({
    code: 'volume_missing',
    expected: label,
    received: refusalText(refusal),
    fix: 'check catalog, schema and volume (capitals count), and whether this token may see them',
  });
}

function fields(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A time as number or text; undefined where none is given. */
function milliseconds(value: unknown): number | undefined {
  const time = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN;
  return Number.isFinite(time) && time > 0 ? time : undefined;
}

function invalid(label: string, received: string, cause?: unknown): RemoteError {
  return new RemoteError({
    code: 'answer_invalid',
    expected: label,
    received,
    fix: 'check that UC_URL is the address of a Unity Catalog server',
    cause,
  });
}
