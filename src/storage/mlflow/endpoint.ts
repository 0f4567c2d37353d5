/**
 * Where an MLflow server is and how to speak to it: a tracking URI and the standard environment variables
 * become a base address and headers. Tokens live in the headers alone; the address that is shown, logged and
 * stored never carries them.
 */
import { ConfigError } from '../../core/index.ts';
import { type DatabricksAccess, databricksAccess } from '../databricks/index.ts';
import type { Environment } from '../kind.ts';

export interface Endpoint {
  /** Without a trailing slash and without user or password. */
  readonly host: string;
  readonly databricks: boolean;
  /** Whether it is a gateway's passing on (docs/gateway.md), which uploads for pages. */
  readonly gateway: boolean;
  /** What addresses of MLflow's own pages begin with; a gateway passes none of them on. */
  readonly pages: string;
  /** For the next request: a token may be replaced between two of them. */
  headers(): Promise<Readonly<Record<string, string>>>;
  /** After a 401 to a request with these headers: true when the next ones carry another token. */
  renew(refused: Readonly<Record<string, string>>): Promise<boolean>;
  /** Text of the server without our secrets, which proxies repeat in their errors. */
  redact(text: string): string;
}

/**
 * `https://…` or `http://…`, with `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and
 * `MLFLOW_TRACKING_PASSWORD`; or `databricks` and `databricks://<profile>`, which sign in as
 * `storage/databricks` does.
 */
export async function resolveEndpoint(trackingUri: string, environment: Environment): Promise<Endpoint> {
  const profile = /^databricks(?::\/\/([^/]*))?$/.exec(trackingUri);
  const gateway = environment('OCELLI_GATEWAY')?.replace(/\/+$/, '');
  if (profile && gateway === undefined) {
    return databricksEndpoint(await databricksAccess({ environment, profile: profile[1] || undefined }));
  }
  let url: URL;
  try {
    // Where a gateway holds the tokens it passes on what would need them.
    url = new URL(profile ? `${gateway}/gw/mlflow` : trackingUri);
  } catch {
    throw unusable(trackingUri);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw unusable(trackingUri);
  const username = decoded(url.username) || environment('MLFLOW_TRACKING_USERNAME');
  const password = decoded(url.password) || environment('MLFLOW_TRACKING_PASSWORD');
  const token = environment('MLFLOW_TRACKING_TOKEN');
  if (token && username) {
    throw new ConfigError({
      code: 'two_credentials',
      expected: 'one way to sign in to MLflow',
      received: 'a token (MLFLOW_TRACKING_TOKEN) and a user name',
      fix: 'unset MLFLOW_TRACKING_TOKEN or MLFLOW_TRACKING_USERNAME',
    });
  }
  const headers: Record<string, string> = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  else if (username) headers.Authorization = `Basic ${base64(`${username}:${password ?? ''}`)}`;
  const host = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  const secrets = Object.values(headers).map((value) => value.replace(/^\S+ /, ''));
  return {
    host,
    databricks: false,
    gateway: gateway !== undefined && host === `${gateway}/gw/mlflow`,
    pages: (gateway !== undefined && environment('OCELLI_MLFLOW_PAGES')) || `${host}/#`,
    headers: async () => headers,
    renew: async () => false,
    redact: (text) => secrets.reduce((shown, secret) => shown.replaceAll(secret, '…'), text),
  };
}

/** MLflow of a Databricks workspace. */
export function databricksEndpoint(access: DatabricksAccess): Endpoint {
  return {
    host: access.host,
    databricks: true,
    gateway: false,
    pages: `${access.host}/ml`,
    headers: async () => ({ Authorization: await access.authorization() }),
    renew: ({ Authorization: refused = '' }) => access.renew(refused),
    redact: (text) => access.redact(text),
  };
}

/** A percent sign that begins no code stands for itself. */
function decoded(text: string): string {
  return decodeURIComponent(text.replace(/%(?![0-9a-f]{2})/gi, '%25'));
}

function unusable(trackingUri: string): ConfigError {
  return new ConfigError({
    code: 'tracking_uri_invalid',
    expected: 'mlflow.tracking_uri to be http(s)://… or databricks',
    // To the last @: what is no address may have a password with a slash in it.
    received: trackingUri.replace(/\/\/.*@/s, '//…@').replace(/[?#].*$/s, '?…'),
    fix: 'give the address of an MLflow server, or leave it out: the run is recorded in its folder and `ocelli push` sends it later',
  });
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
