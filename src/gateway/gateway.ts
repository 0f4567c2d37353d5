/**
 * The gateway: a small HTTP server that holds the keys which pages must not have. Pages ask it for signed addresses
 * and read by them from the store itself; it passes bytes only where a store lets no page in.
 *
 * What each request goes through, in this order: host and origin (guard.ts), budget, route, and one place that turns
 * errors into answers. The log has one line per request with its route, volume, status and time; queries, headers and
 * bodies never get there, because that is where the secrets are.
 */
import type { AddressInfo } from 'node:net';
import { createAdaptorServer, type HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import { ConfigError } from '../core/index.ts';
import { databricksEndpoint, type Endpoint, forwardedAccess } from '../storage/index.ts';
import { Budget, guardHosts, guardOrigins, tooMany } from './guard.ts';
import { mlflowRoutes } from './mlflow.ts';
import { Offers } from './offers.ts';
import { type GatewayOptions, type LogEntry, usualLimits } from './options.ts';
import { pageRoutes } from './page.ts';
import { Refusal, refusalBody, statusOf } from './refusals.ts';
import { type GatewayContext, type GatewayVariables, volumeRoutes } from './volumes.ts';

export interface Gateway {
  /** `http://127.0.0.1:8090`. */
  readonly url: string;
  close(): Promise<void>;
}

/** @throws ConfigError for settings that can't be served; RemoteError and others when a volume can't be opened */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const app = await buildGateway(options);
  const { port = 8090, listen = '127.0.0.1' } = options;
  if (!isLoopback(listen) && !options.behindProxy) throw open(listen);
  const server = createAdaptorServer({
    fetch: app.fetch,
    // Slow headers and bodies hold a connection, not the gateway.
    serverOptions: { headersTimeout: 20_000, requestTimeout: 600_000, keepAliveTimeout: 65_000 },
  }) as import('node:http').Server;
  server.maxConnections = 2000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(portTaken(port, cause)));
    server.listen(port, listen, resolve);
  });
  const { address, port: taken, family } = server.address() as AddressInfo;
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`;
  options.log?.({ type: 'listening', time: new Date().toISOString(), url });
  return {
    url,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        options.log?.({ type: 'ended', time: new Date().toISOString() });
      }),
  };
}

async function buildGateway(
  options: GatewayOptions,
): Promise<Hono<{ Variables: GatewayVariables; Bindings: HttpBindings }>> {
  const limits = { ...usualLimits, ...options.limits };
  const behindProxy = options.behindProxy ?? false;
  const offers = new Offers(options.volumes, options.userTokensFor);
  await offers.openAll();
  const page = options.page === undefined ? undefined : await pageRoutes(options.page);
  const guard = { origins: options.origins ?? [], behindProxy, ...limits };
  const budget = new Budget(limits.rate, limits.burst);
  const app = new Hono<{ Variables: GatewayVariables; Bindings: HttpBindings }>();

  app.use(
    secureHeaders({
      referrerPolicy: 'no-referrer',
      xFrameOptions: 'SAMEORIGIN',
      // The page reads pictures and models from wherever its user says.
      crossOriginResourcePolicy: 'same-origin',
      crossOriginOpenerPolicy: 'same-origin',
      strictTransportSecurity: false,
      originAgentCluster: false,
    }),
  );
  app.use('*', async (context, next) => {
    const started = performance.now();
    const route = new URL(context.req.url).pathname;
    context.set('details', {});
    context.set('userToken', undefined);
    await next();
    if (!route.startsWith('/gw/')) return;
    options.log?.({
      type: 'request',
      time: new Date().toISOString(),
      method: context.req.method,
      route: route.startsWith('/gw/mlflow/') ? '/gw/mlflow' : route.slice(0, 100),
      status: context.res.status,
      ms: Math.round(performance.now() - started),
      client: clientOf(context, behindProxy),
      ...context.get('details'),
    } as LogEntry);
  });
  app.use('*', guardHosts(guard));
  app.use('/gw/*', guardOrigins(guard));
  app.use('/gw/*', async (context, next) => {
    const wait = budget.take(clientOf(context, behindProxy));
    if (wait > 0) throw tooMany(wait);
    if (options.userTokensFor !== undefined) {
      context.set('userToken', context.req.header('x-forwarded-access-token'));
    }
    await next();
    context.header('Cache-Control', 'no-store');
  });
  app.get('/gw/info', (context) =>
    context.json({
      gateway: 'ocelli',
      volumes: offers.list,
      mlflow: options.mlflow ? { pages: options.mlflow.pages } : null,
      limits: { paths: limits.paths, upload: limits.upload },
    }),
  );
  app.route('/gw', volumeRoutes(offers, limits));
  if (options.mlflow)
    app.route(
      '/gw/mlflow',
      mlflowRoutes((context) => endpointFor(context, options), limits),
    );
  app.all('/gw/*', () => {
    throw new Refusal(404, {
      code: 'route_unknown',
      expected: 'a route of the gateway',
      received: 'another one, or one that is switched off',
      fix: 'docs/gateway.md describes every route',
    });
  });
  if (page) app.route('/', page);

  app.onError((error, context) => {
    const known = error instanceof Refusal ? error.headers : {};
    for (const [name, value] of Object.entries(known)) context.header(name, value);
    const body = refusalBody(error);
    context.get('details').code = body.error.code;
    return context.json(body, statusOf(error) as 400);
  });
  return app;
}

/** MLflow with the rights of the user, where users bring their own; else with those of the gateway. */
async function endpointFor(context: GatewayContext, options: GatewayOptions): Promise<Endpoint> {
  const endpoint = options.mlflow!;
  const token = context.get('userToken');
  if (options.userTokensFor === undefined || !endpoint.databricks) return endpoint;
  if (token) return databricksEndpoint(forwardedAccess(options.userTokensFor, token));
  throw new Refusal(401, {
    code: 'user_token_missing',
    expected: 'the token of the user (X-Forwarded-Access-Token)',
    received: 'none',
    fix: 'open the page as a Databricks App that has user authorization',
  });
}

/** The user that the proxy in front names, or the address: the last one, which it saw itself; those before are hearsay. */
function clientOf(
  context: { env: HttpBindings; req: { header(name: string): string | undefined } },
  behindProxy: boolean,
): string {
  const named = behindProxy
    ? (context.req.header('x-forwarded-email') ??
      context.req.header('x-forwarded-for')?.split(',').at(-1)?.trim())
    : undefined;
  return (named ?? context.env?.incoming?.socket?.remoteAddress ?? 'unknown').slice(0, 100);
}

function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127\./.test(address);
}

function open(listen: string): ConfigError {
  return new ConfigError({
    code: 'gateway_open_to_all',
    expected: 'a gateway that listens on this machine alone, or behind something that knows its users',
    received: `--listen ${listen}: everybody who reaches that address could read the volumes`,
    fix: 'leave --listen out, or put a proxy that signs users in before it and add --behind-proxy',
  });
}

const portTroubles: Readonly<Record<string, string>> = {
  EADDRINUSE: 'a port that another program has',
  EACCES: 'a port that takes more rights',
  EADDRNOTAVAIL: 'an address of another machine',
  ENOTFOUND: 'an address that is none',
};

function portTaken(port: number, cause: NodeJS.ErrnoException): ConfigError {
  return new ConfigError({
    code: 'gateway_port_unusable',
    expected: `port ${port} to be free, at an address of this machine`,
    received: `${portTroubles[cause.code ?? ''] ?? cause.message} (${cause.code})`,
    fix: 'choose another by --port, or another address by --listen',
    cause,
  });
}
