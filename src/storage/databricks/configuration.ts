/**
 * Which workspace, and how to sign in: from `DATABRICKS_*` environment variables, else from a profile of
 * `~/.databrickscfg`, by the rules of Databricks' own SDKs.
 *
 * - A variable wins over the profile's key of the same meaning.
 * - The file is not looked at when the environment names a host or a way to sign in, unless a profile is named
 *   (`DATABRICKS_CONFIG_PROFILE`, or `databricks://<profile>` as MLflow writes it).
 * - Two ways to sign in at once are an error, unless `DATABRICKS_AUTH_TYPE` (`auth_type`) picks one.
 */
import { files } from '#platform';
import { ConfigError } from '../../core/index.ts';
import type { Environment } from '../kind.ts';
import { parseConfigFile } from './config-file.ts';

export type DatabricksConfiguration = {
  /** Origin, without a slash at the end. */
  readonly host: string;
  readonly accountId: string | undefined;
} & (
  | { readonly method: 'pat'; readonly token: string }
  | { readonly method: 'oauth-m2m'; readonly clientId: string; readonly clientSecret: string }
);

/** Keys as the file spells them, and the variables that win over them. */
const variables = {
  host: 'DATABRICKS_HOST',
  token: 'DATABRICKS_TOKEN',
  client_id: 'DATABRICKS_CLIENT_ID',
  client_secret: 'DATABRICKS_CLIENT_SECRET',
  account_id: 'DATABRICKS_ACCOUNT_ID',
  auth_type: 'DATABRICKS_AUTH_TYPE',
  username: 'DATABRICKS_USERNAME',
  password: 'DATABRICKS_PASSWORD',
  azure_client_id: 'ARM_CLIENT_ID',
  azure_client_secret: 'ARM_CLIENT_SECRET',
  azure_tenant_id: 'ARM_TENANT_ID',
  google_credentials: 'GOOGLE_CREDENTIALS',
} as const;
type Key = keyof typeof variables;
const keys = Object.keys(variables) as Key[];

/** Ways to sign in and the keys that belong to each. */
const methods = {
  pat: ['token'],
  'oauth-m2m': ['client_id', 'client_secret'],
  basic: ['username', 'password'],
  azure: ['azure_client_id', 'azure_client_secret', 'azure_tenant_id'],
  google: ['google_credentials'],
} as const satisfies Record<string, readonly Key[]>;
type Method = keyof typeof methods;

type Settings = { readonly [K in Key]?: string | undefined };

/** @param options.home the folder of `.databrickscfg`; `options.profile` wins over `DATABRICKS_CONFIG_PROFILE`. */
export async function readConfiguration(
  environment: Environment,
  options: { readonly home: string; readonly profile?: string | undefined },
): Promise<DatabricksConfiguration> {
  const fromEnvironment: Settings = Object.fromEntries(
    keys.map((key) => [key, environment(variables[key])]).filter(([, value]) => value),
  );
  const named = options.profile ?? environment('DATABRICKS_CONFIG_PROFILE');
  const place = (environment('DATABRICKS_CONFIG_FILE') ?? `${options.home}/.databrickscfg`).replace(
    /^~(?=\/)/,
    options.home,
  );
  const complete = fromEnvironment.host !== undefined || configuredMethods(fromEnvironment).length > 0;
  const profile = complete && named === undefined ? undefined : await readProfile(place, named);
  const settings: Settings = { ...profile?.settings, ...fromEnvironment };
  const source = profile ? `the environment and [${profile.name}] of ${place}` : 'the environment';
  if (!settings.host) throw missing('a host', source, place);
  const common = { host: originOf(settings.host), accountId: settings.account_id };
  const method = chooseMethod(settings, source, place);
  if (method === 'pat') return { ...common, method, token: settings.token! };
  if (!settings.client_id || !settings.client_secret) {
    throw missing(settings.client_id ? 'a client secret' : 'a client id', source, place);
  }
  return { ...common, method, clientId: settings.client_id, clientSecret: settings.client_secret };
}

async function readProfile(
  place: string,
  named: string | undefined,
): Promise<{ readonly name: string; readonly settings: Settings } | undefined> {
  if (!(await files.stat(place))) {
    if (named === undefined) return undefined;
    throw unknownProfile(named, place, 'no such file');
  }
  const profiles = parseConfigFile(new TextDecoder().decode(await files.read(place)), place);
  const preferred = profiles.get('__settings__')?.get('default_profile');
  const name = named ?? (preferred || 'DEFAULT');
  const profile = name === '__settings__' ? undefined : profiles.get(name);
  if (!profile) {
    if (named === undefined && !preferred) return undefined;
    const known = [...profiles.keys()].filter((other) => other !== '__settings__');
    throw unknownProfile(name, place, known.length > 0 ? `profiles ${known.join(', ')}` : 'no profiles');
  }
  const settings: Settings = Object.fromEntries(
    keys.map((key) => [key, profile.get(key)]).filter(([, value]) => value),
  );
  return { name, settings };
}

function configuredMethods(settings: Settings): Method[] {
  return (Object.keys(methods) as Method[]).filter((method) =>
    methods[method].some((key) => settings[key] !== undefined),
  );
}

function chooseMethod(settings: Settings, source: string, place: string): 'pat' | 'oauth-m2m' {
  const configured = configuredMethods(settings);
  const chosen = settings.auth_type;
  if (chosen !== undefined) {
    if (chosen !== 'pat' && chosen !== 'oauth-m2m') throw unsupported(chosen);
    if (!configured.includes(chosen)) {
      throw missing(chosen === 'pat' ? 'a token' : 'a client id and secret', source, place);
    }
    return chosen;
  }
  if (configured.length > 1) {
    throw new ConfigError({
      code: 'two_credentials',
      expected: 'one way to sign in to Databricks',
      received: `${configured.join(' and ')} in ${source}`,
      fix: `unset the variables of one (${configured.map(variablesOf).join('; or ')}), or choose by DATABRICKS_AUTH_TYPE`,
    });
  }
  const [only] = configured;
  if (only === undefined) throw missing('a way to sign in', source, place);
  if (only !== 'pat' && only !== 'oauth-m2m') throw unsupported(only);
  return only;
}

function variablesOf(method: Method): string {
  return methods[method].map((key) => variables[key]).join(', ');
}

/** `adb-1.azuredatabricks.net`, with or without scheme and path, to an origin. */
function originOf(host: string): string {
  const url = URL.canParse(host.includes('://') ? host : `https://${host}`)
    ? new URL(host.includes('://') ? host : `https://${host}`)
    : undefined;
  const loopback = url !== undefined && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback)) return url.origin;
  throw new ConfigError({
    code: 'databricks_host_invalid',
    expected: 'DATABRICKS_HOST to be https://<workspace>',
    received: url ? `${url.protocol}//${url.host}` : 'something else',
    fix: 'write it as in the address bar of the workspace; tokens are not sent without TLS',
  });
}

function missing(what: string, source: string, place: string): ConfigError {
  return new ConfigError({
    code: 'databricks_credentials_missing',
    expected:
      'DATABRICKS_HOST with DATABRICKS_TOKEN, or with DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET',
    received: `${source} without ${what}`,
    fix: `set these variables, or add a profile to ${place} and name it by DATABRICKS_CONFIG_PROFILE`,
  });
}

function unknownProfile(name: string, place: string, received: string): ConfigError {
  return new ConfigError({
    code: 'databricks_profile_unknown',
    expected: `a profile [${name}] in ${place}`,
    received,
    fix: 'correct DATABRICKS_CONFIG_PROFILE (or the name after databricks://), or add the profile',
  });
}

function unsupported(method: string): ConfigError {
  return new ConfigError({
    code: 'databricks_auth_unsupported',
    expected: 'a way to sign in that this version knows: pat or oauth-m2m',
    received: method,
    fix: 'set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET of a service principal',
  });
}
