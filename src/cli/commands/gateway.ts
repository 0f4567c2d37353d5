/** `ocelli gateway`: signs addresses and forwards MLflow for pages, and holds the tokens that they must not have. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { environmentVariable } from '#platform';
import { ConfigError } from '../../core/index.ts';
import type { LogEntry, OfferedVolume } from '../../gateway/index.ts';
import { resolveEndpoint } from '../../storage/index.ts';
import { type CommonOptions, type Context, finish, wholeNumber } from '../command.ts';
import { packageInfo } from '../package-info.ts';

interface GatewayCommandOptions extends CommonOptions {
  readonly volume: readonly string[];
  readonly writable: readonly string[];
  readonly origin: readonly string[];
  readonly port?: number;
  readonly listen?: string;
  readonly behindProxy?: boolean;
  readonly userTokens?: boolean;
  readonly mlflow?: string;
  readonly page: string | false;
  readonly rate?: number;
  readonly maxUpload?: number;
}

export function addGateway(program: Command): void {
  const collect = (value: string, before: readonly string[]): string[] => [...before, value];
  const command = program
    .command('gateway')
    .description('sign addresses and forward MLflow for pages, and serve the demo')
    .option('--volume <place>', 'offer a volume or folder for reading; may be repeated', collect, [])
    .option('--writable <place>', 'offer one for reading and writing; may be repeated', collect, [])
    .option('--origin <origin>', 'let pages of that origin in, beside its own; may be repeated', origins, [])
    .option('--mlflow <uri>', 'MLflow server or `databricks` (default: MLFLOW_TRACKING_URI; without: none)')
    .option('--port <port>', 'port (default: DATABRICKS_APP_PORT, or 8090)', wholeNumber(0, 65_535))
    .option('--listen <address>', 'address to listen at (default: 127.0.0.1)')
    .option('--behind-proxy', 'a proxy in front signs users in; needed to listen to more than this machine')
    .option('--user-tokens', "open volumes with each user's own token, which Databricks Apps forwards")
    .option('--page <folder>', 'the built page (default: the demo)')
    .option('--no-page', 'serve no page')
    .option('--rate <n>', 'requests per second and client (default: 200)', wholeNumber(1))
    .option('--max-upload <MiB>', 'largest file that may be written (default: 1024)', wholeNumber(1));
  finish(
    command,
    [
      { line: 'ocelli gateway --volume /Volumes/main/default/images', does: 'the demo with that volume' },
      {
        line: 'ocelli gateway --volume s3://bucket/data --writable s3://bucket/results --mlflow http://127.0.0.1:5000',
        does: 'read data, write results back, push runs to MLflow',
      },
      {
        line: 'ocelli gateway --volume uc://main/default/images --no-page --origin https://app.example.com',
        does: 'for a page that is served elsewhere',
      },
      {
        line: 'ocelli gateway --volume /Volumes/main/default/images --user-tokens --mlflow databricks',
        does: 'as a Databricks App: port, proxy and address are found in its environment',
      },
    ],
    runGateway,
  );
}

async function runGateway(context: Context, options: GatewayCommandOptions): Promise<undefined> {
  const { startGateway } = await import('../../gateway/index.ts');
  const volumes: OfferedVolume[] = [
    ...options.volume.map((place) => ({ place, write: false })),
    ...options.writable.map((place) => ({ place, write: true })),
  ];
  const tracking = options.mlflow ?? environmentVariable('MLFLOW_TRACKING_URI');
  if (volumes.length === 0 && tracking === undefined) throw nothingOffered();
  // Databricks Apps name the port, and stand before it with a proxy that knows who is there.
  const appPort = environmentVariable('DATABRICKS_APP_PORT');
  const behindProxy = options.behindProxy ?? appPort !== undefined;
  const host = options.userTokens ? workspaceHost() : undefined;
  const gateway = await startGateway({
    volumes,
    mlflow: tracking === undefined ? undefined : await resolveEndpoint(tracking, ownEnvironment),
    page: pageFolder(options.page, context),
    origins: options.origin,
    port: options.port ?? (appPort === undefined ? 8090 : Number(appPort)),
    listen: options.listen ?? (appPort === undefined ? '127.0.0.1' : '0.0.0.0'),
    behindProxy,
    userTokensFor: host,
    limits: {
      ...(options.rate === undefined ? {} : { rate: options.rate, burst: 5 * options.rate }),
      ...(options.maxUpload === undefined ? {} : { upload: options.maxUpload * 2 ** 20 }),
    },
    log: (entry) => tell(context, entry),
  });
  context.output.result(`The gateway is at ${gateway.url}`);
  for (const { place, write } of volumes) context.output.say(`  ${write ? 'writes' : 'reads'}  ${place}`);
  await new Promise<void>((resolve) =>
    context.signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  await gateway.close();
  // Being interrupted is how it ends.
  context.output.say('The gateway has ended.');
  return;
}

/** A gateway has keys of its own, and asks no other. */
function ownEnvironment(name: string): string | undefined {
  return name === 'OCELLI_GATEWAY' ? undefined : environmentVariable(name);
}

/** Programs get every line; people what went wrong. */
function tell(context: Context, entry: LogEntry): void {
  context.output.json(entry);
  const { type, status, method, route, code, ms } = entry;
  if (type === 'request' && Number(status) >= 400) {
    context.output.say(`${entry.time} ${method} ${route} ${status} ${code ?? ''} ${ms} ms`);
  }
}

function pageFolder(page: string | false, context: Context): string | undefined {
  if (page === false) return undefined;
  if (typeof page === 'string') return page;
  const demo = join(packageInfo().folder, 'dist/app');
  if (existsSync(join(demo, 'index.html'))) return demo;
  context.output.warn('no page is served: in a checkout `npm run build:app` builds the demo.');
  return undefined;
}

function origins(value: string, before: readonly string[]): string[] {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.origin !== value.replace(/\/$/, '')) {
    throw new InvalidArgumentError('Expected an origin such as https://app.example.com.');
  }
  return [...before, url.origin];
}

/** Databricks Apps set it, without a scheme. */
function workspaceHost(): string {
  const host = environmentVariable('DATABRICKS_HOST');
  if (host) return new URL(host.includes('://') ? host : `https://${host}`).origin;
  throw new ConfigError({
    code: 'databricks_host_missing',
    expected: 'DATABRICKS_HOST for --user-tokens',
    received: 'none',
    fix: 'run it as a Databricks App, or set DATABRICKS_HOST',
  });
}

function nothingOffered(): ConfigError {
  return new ConfigError({
    code: 'gateway_without_volumes',
    expected: 'something to offer',
    received: 'no --volume, no --writable and no MLflow',
    fix: 'ocelli gateway --volume <place>',
  });
}
