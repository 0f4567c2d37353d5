/**
 * Signed in to a Databricks workspace: whoever talks to it asks for the header right before each request, so that
 * a token which is about to expire is replaced in time. Three ways: a personal access token, a service principal
 * (OAuth machine to machine) and, in Databricks Apps, the token of the user in front of the browser, which Databricks
 * forwards with each request as `X-Forwarded-Access-Token`.
 */
import { environmentVariable, homeDirectory } from '#platform';
import type { Environment } from '../kind.ts';
import { type DatabricksConfiguration, readConfiguration } from './configuration.ts';
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
  const read = (): Promise<DatabricksConfiguration> =>
    readConfiguration(options.environment ?? environmentVariable, {
      home: options.home ?? homeDirectory(),
      profile: options.profile,
    });
  const configuration = await read();
  if (configuration.method === 'oauth-m2m') return new ClientCredentials(configuration, options.fetcher);
  return new FixedToken(configuration.host, 'pat', configuration.token, async () => {
    // Whoever rotates tokens writes the new one into the profile.
    const now = await read();
    return now.method === 'pat' && now.host === configuration.host ? now.token : undefined;
  });
}

/** With the token that Databricks Apps forwards for the user of one request. */
export function forwardedAccess(host: string, token: string): DatabricksAccess {
  return new FixedToken(host, 'forwarded', token);
}

class FixedToken implements DatabricksAccess {
  private readonly seen: string[];

  constructor(
    readonly host: string,
    readonly method: 'pat' | 'forwarded',
    private token: string,
    private readonly reread?: () => Promise<string | undefined>,
  ) {
    this.seen = [token];
  }

  async authorization(): Promise<string> {
    return `Bearer ${this.token}`;
  }

  async renew(refused: string): Promise<boolean> {
    if (refused === `Bearer ${this.token}`) {
      const token = await this.reread?.();
      // Many requests are refused at once: another one may have taken up the new token meanwhile.
      if (token !== undefined && token !== this.token) {
        this.token = token;
        this.seen.push(token);
      }
    }
    return refused !== `Bearer ${this.token}`;
  }

  redact(text: string): string {
    return this.seen.reduce((shown, secret) => shown.replaceAll(secret, '…'), text);
  }
}
