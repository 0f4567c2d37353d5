/**
 * Signed in to a Databricks workspace: whoever talks to it asks for the header right before each request, so that
 * a token which is about to expire is replaced in time. Three ways: a personal access token, a service principal
 * (OAuth machine to machine) and, in Databricks Apps, the token of the user in front of the browser, which Databricks
 * forwards with each request as `X-Forwarded-Access-Token`.
 */
import { environmentVariable, homeDirectory } from '#platform';
import { type DatabricksConfiguration, type Environment, readConfiguration } from './configuration.ts';
import { ClientCredentials } from './oauth.ts';
import type { DatabricksAccess } from './types.ts';

export interface AccessOptions {
  readonly environment?: Environment | undefined;
  /** Of `~/.databrickscfg`. */
  readonly profile?: string | undefined;
  readonly home?: string | undefined;
  readonly fetcher?: typeof fetch | undefined;
}

/** By environment variables or a profile. Nothing is asked of the workspace yet. */
export async function databricksAccess(options: AccessOptions = {}): Promise<DatabricksAccess> {
  const configuration = await readConfiguration(options.environment ?? environmentVariable, {
    home: options.home ?? homeDirectory(),
    profile: options.profile,
  });
  return accessOf(configuration, options.fetcher);
}

/** With the token that Databricks Apps forwards for the user of one request. */
export function forwardedAccess(host: string, token: string): DatabricksAccess {
  return fixed(host, 'forwarded', token);
}

function accessOf(configuration: DatabricksConfiguration, fetcher?: typeof fetch): DatabricksAccess {
  const { host } = configuration;
  if (configuration.method === 'pat') return fixed(host, 'pat', configuration.token);
  return new ClientCredentials(configuration, fetcher);
}

function fixed(host: string, method: 'pat' | 'forwarded', token: string): DatabricksAccess {
  return {
    host,
    method,
    authorization: async () => `Bearer ${token}`,
    renew: () => false,
    redact: (text) => text.replaceAll(token, '…'),
  };
}
