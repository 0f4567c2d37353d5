/**
 * Who may use the gateway. It holds keys and stands where browsers can reach it, so every request is checked
 * before anything else is done:
 *
 * - `Host` must be a name of this gateway: a foreign name that was made to resolve to this machine (DNS rebinding)
 *   would make a foreign page same-origin.
 * - `Origin`, where a browser sends one, must be the gateway's own or one that was allowed. Without one, a request
 *   that the browser calls cross-site is refused too (`Sec-Fetch-Site`): images and links carry no origin.
 * - Each client has a budget of requests (a token bucket).
 */
import type { MiddlewareHandler } from 'hono';
import { Refusal } from './refusals.ts';

interface GuardOptions {
  readonly origins: readonly string[];
  readonly behindProxy: boolean;
  readonly rate: number;
  readonly burst: number;
}

export function guardHosts({ origins, behindProxy }: GuardOptions): MiddlewareHandler {
  const allowed = new Set(origins.map((origin) => new URL(origin).host));
  return async (context, next) => {
    const host = context.req.header('host') ?? '';
    if (!behindProxy && !isLoopback(host) && !allowed.has(host)) {
      throw new Refusal(403, {
        code: 'host_refused',
        expected: 'the gateway to be asked by a name of its own',
        received: 'another one',
        fix: 'use http://localhost:<port>, or allow the name by --origin',
      });
    }
    await next();
  };
}

export function guardOrigins({ origins, behindProxy }: GuardOptions): MiddlewareHandler {
  const allowed = new Set(origins.map((origin) => new URL(origin).origin));
  return async (context, next) => {
    const origin = context.req.header('origin');
    const site = context.req.header('sec-fetch-site');
    const foreign =
      origin === undefined
        ? site !== undefined && site !== 'same-origin' && site !== 'none'
        : !allowed.has(origin) && !isOwn(origin, context.req.header('host') ?? '', behindProxy);
    if (foreign) {
      throw new Refusal(403, {
        code: 'origin_refused',
        expected: 'a page of an origin that the gateway allows',
        received: origin === undefined ? 'a request from another site' : 'another one',
        fix: 'start the gateway with --origin <scheme://host:port> of that page',
      });
    }
    if (origin === undefined || !allowed.has(origin)) return next();
    if (context.req.method === 'OPTIONS') return context.body(null, 204, preflight(origin));
    await next();
    context.header('Access-Control-Allow-Origin', origin);
    context.header('Access-Control-Expose-Headers', 'Content-Range, ETag, Retry-After');
    context.header('Vary', 'Origin');
    return;
  };
}

/** Tokens flow in at a rate, up to a burst; a request takes one. */
export class Budget {
  private readonly left = new Map<string, { tokens: number; at: number }>();

  constructor(
    private readonly rate: number,
    private readonly burst: number,
    private readonly now: () => number = Date.now,
  ) {}

  /** Seconds until the client may come back; 0 when it may go on. */
  take(client: string): number {
    const now = this.now();
    const seen = this.left.get(client) ?? { tokens: this.burst, at: now };
    const tokens = Math.min(this.burst, seen.tokens + ((now - seen.at) / 1000) * this.rate);
    // Last seen, last to go: many addresses take no memory without end.
    this.left.delete(client);
    this.left.set(client, { tokens: Math.max(0, tokens - 1), at: now });
    if (this.left.size > 10_000) this.left.delete(this.left.keys().next().value!);
    return tokens >= 1 ? 0 : Math.max(1, Math.ceil((1 - tokens) / this.rate));
  }
}

export function tooMany(seconds: number): Refusal {
  return new Refusal(
    429,
    {
      code: 'too_many_requests',
      expected: 'fewer requests',
      received: 'more than the gateway allows one client',
      fix: `come back in ${seconds} s, read from shards, or start the gateway with a higher --rate`,
    },
    { 'Retry-After': String(seconds) },
  );
}

function preflight(origin: string): Record<string, string> {
  return {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
    'Access-Control-Allow-Headers': 'Content-Type, Range, If-Match',
    'Access-Control-Max-Age': '600',
    Vary: 'Origin',
  };
}

function isOwn(origin: string, host: string, behindProxy: boolean): boolean {
  // A proxy may speak TLS in front of us.
  return origin === `http://${host}` || (behindProxy && origin === `https://${host}`);
}

function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d+)?$/i.test(host);
}
