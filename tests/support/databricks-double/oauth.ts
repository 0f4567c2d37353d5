/** Tokens of the double: personal ones that are given, and those of service principals, which expire. */
import { randomBytes } from 'node:crypto';
import { type Answer, answers } from './answers.ts';

export class Tokens {
  /** Seconds that new OAuth tokens last. */
  life = 3600;
  /** How many were handed out. */
  issued = 0;
  private readonly known = new Map<string, number>();

  constructor(
    readonly clientId: string,
    readonly clientSecret: string,
  ) {}

  /** A token that holds until it is revoked. */
  add(token: string): void {
    this.known.set(token, Number.POSITIVE_INFINITY);
  }

  revokeAll(): void {
    this.known.clear();
  }

  /** Undefined when the header carries a token that holds. */
  check(authorization: string | undefined): Answer | undefined {
    const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1];
    if (token === undefined) return answers.noToken;
    const until = this.known.get(token);
    if (until === undefined) return answers.badToken;
    return until > Date.now() ? undefined : answers.noToken;
  }

  /** `POST /oidc/v1/token`. */
  issue(authorization: string | undefined, form: string): Answer {
    const expected = `Basic ${Buffer.from(`${this.clientId}:${this.clientSecret}`).toString('base64')}`;
    const fields = new URLSearchParams(form);
    if (authorization !== expected) return answers.badClient;
    if (fields.get('grant_type') !== 'client_credentials' || fields.get('scope') !== 'all-apis') {
      return { status: 400, body: { error: 'unsupported_grant_type', error_description: 'Unsupported' } };
    }
    const token = `oauth-${++this.issued}-${randomBytes(8).toString('hex')}`;
    this.known.set(token, Date.now() + this.life * 1000);
    return { status: 200, body: { access_token: token, token_type: 'Bearer', expires_in: this.life } };
  }
}
