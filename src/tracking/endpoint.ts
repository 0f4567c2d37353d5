/**
 * Where an MLflow server is and how to speak to it: a tracking URI and the standard environment variables
 * become a base address and headers. Tokens live in the headers alone; the address that is shown, logged and
 * stored never carries them.
 */
import { ConfigError } from '../core/index.ts';

export interface Endpoint {
  /** Without a trailing slash and without user or password. */
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly databricks: boolean;
}

export type Environment = (name: string) => string | undefined;

/**
 * `https://…` or `http://…`, with `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and
 * `MLFLOW_TRACKING_PASSWORD`; or `databricks`, with `DATABRICKS_HOST` and `DATABRICKS_TOKEN`.
 */
export function resolveEndpoint(trackingUri: string, environment: Environment): Endpoint {
  if (trackingUri === 'databricks' || trackingUri.startsWith('databricks:')) return databricks(environment);
  let url: URL;
  try {
    url = new URL(trackingUri);
  } catch {
    throw unusable(trackingUri);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw unusable(trackingUri);
  const username = decodeURIComponent(url.username) || environment('MLFLOW_TRACKING_USERNAME');
  const password = decodeURIComponent(url.password) || environment('MLFLOW_TRACKING_PASSWORD');
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
  return { host: `${url.origin}${url.pathname.replace(/\/+$/, '')}`, headers, databricks: false };
}

function databricks(environment: Environment): Endpoint {
  const host = environment('DATABRICKS_HOST');
  const token = environment('DATABRICKS_TOKEN');
  if (!host || !token) {
    throw new ConfigError({
      code: 'databricks_credentials_missing',
      expected: 'DATABRICKS_HOST and DATABRICKS_TOKEN in the environment for tracking_uri: databricks',
      received: `${host ? 'a host' : 'no host'} and ${token ? 'a token' : 'no token'}`,
      fix: 'set both, or give the address of an MLflow server',
    });
  }
  const origin = new URL(host.includes('://') ? host : `https://${host}`).origin;
  return { host: origin, headers: { Authorization: `Bearer ${token}` }, databricks: true };
}

function unusable(trackingUri: string): ConfigError {
  return new ConfigError({
    code: 'tracking_uri_invalid',
    expected: 'mlflow.tracking_uri to be http(s)://… or databricks',
    received: trackingUri.replace(/\/\/[^@/]*@/, '//'),
    fix: 'give the address of an MLflow server, or leave it out: the run is recorded in its folder and `ocelli push` sends it later',
  });
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
