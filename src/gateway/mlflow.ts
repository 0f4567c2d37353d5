/**
 * MLflow for pages: calls that a run needs (tracking/ and storage/mlflow make exactly these), passed on with the
 * gateway's own rights. What is not in the list is refused, deletions and the permissions interface among it. Nothing
 * of a request but its method, path, query, range, JSON and bytes goes on; nothing but status, JSON, Retry-After and
 * the bytes of a model comes back.
 */
import { Hono } from 'hono';
import { anySignal } from '../core/index.ts';
import { type Endpoint, withoutSecrets } from '../storage/index.ts';
import { type ArtifactOwner, MlflowClient, putSignedArtifact } from '../tracking/index.ts';
import type { Limits } from './options.ts';
import { Refusal } from './refusals.ts';
import { type GatewayContext, type GatewayVariables, invalid, limitedBytes } from './volumes.ts';

const id = '[A-Za-z0-9_-]{1,64}';
/** Method and path below `/api/2.0/mlflow/`. */
const calls: readonly RegExp[] = [
  /^GET experiments\/get-by-name$/,
  /^GET experiments\/search$/,
  /^POST experiments\/(create|restore)$/,
  /^GET runs\/get$/,
  /^POST runs\/(create|update|log-batch|log-inputs|log-model|outputs)$/,
  /^POST logged-models$/,
  new RegExp(`^PATCH logged-models/${id}$`),
  /^POST registered-models\/create$/,
  /^POST model-versions\/create$/,
  /^GET registered-models\/(alias|get|get-latest-versions)$/,
  /^GET model-versions\/(get|get-download-uri)$/,
  /^GET logged-models\/m-[\w-]{1,62}$/,
];

export function mlflowRoutes(
  endpointOf: (context: GatewayContext) => Promise<Endpoint>,
  limits: Limits,
): Hono<{ Variables: GatewayVariables }> {
  const routes = new Hono<{ Variables: GatewayVariables }>();

  routes.all('/api/2.0/mlflow/*', async (context) => {
    const { method } = context.req;
    const path = rawPath(context).slice('/api/2.0/mlflow/'.length);
    context.get('details').call = path.slice(0, 100);
    if (!calls.some((call) => call.test(`${method} ${path}`))) throw notAllowed(`${method} ${path}`);
    const { search } = new URL(context.req.url);
    const body = method === 'GET' ? undefined : await limitedBytes(context, limits.call);
    if (body && !isJson(body)) throw invalid('a JSON object');
    return pass(context, await endpointOf(context), `/api/2.0/mlflow/${path}${search}`, {
      method,
      ...(body
        ? { body: body as Uint8Array<ArrayBuffer>, headers: { 'Content-Type': 'application/json' } }
        : {}),
    });
  });

  routes.put('/api/2.0/mlflow-artifacts/artifacts/*', async (context) => {
    const path = rawPath(context).slice('/api/2.0/mlflow-artifacts/artifacts/'.length);
    context.get('details').path = path.slice(0, 300);
    if (!isPlainPath(path)) throw invalid('a path that stays among the artifacts');
    const body = await limitedBytes(context, limits.upload);
    return pass(context, await endpointOf(context), `/api/2.0/mlflow-artifacts/artifacts/${path}`, {
      method: 'PUT',
      body: body as Uint8Array<ArrayBuffer>,
      headers: { 'Content-Type': 'application/octet-stream' },
    });
  });

  // Files of models, which a recipe may begin from.
  routes.get('/api/2.0/mlflow-artifacts/artifacts', async (context) => {
    const path = context.req.query('path') ?? '';
    context.get('details').path = path.slice(0, 300);
    if (!isModelPath(path)) throw notAllowed('GET of artifacts that are no model’s');
    const query = new URLSearchParams({ path });
    return pass(context, await endpointOf(context), `/api/2.0/mlflow-artifacts/artifacts?${query}`, {
      method: 'GET',
    });
  });

  routes.get('/api/2.0/mlflow-artifacts/artifacts/*', async (context) => {
    const path = rawPath(context).slice('/api/2.0/mlflow-artifacts/artifacts/'.length);
    context.get('details').path = path.slice(0, 300);
    if (!isModelPath(path)) throw notAllowed('GET of artifacts that are no model’s');
    const range = context.req.header('range');
    const headers: Record<string, string> = range && /^bytes=\d+-\d*$/.test(range) ? { Range: range } : {};
    const where = `/api/2.0/mlflow-artifacts/artifacts/${path}`;
    return pass(context, await endpointOf(context), where, { method: 'GET', headers }, bytesOf);
  });

  // For stores of a workspace, which let no page in: the address is asked for and used here.
  routes.put('/artifact', async (context) => {
    const owner = ownerOf(context);
    const path = context.req.query('path') ?? '';
    context.get('details').path = path.slice(0, 300);
    if (!owner || !isPlainPath(path))
      throw invalid('run_id or model_id, and a path that stays among the artifacts');
    const body = await limitedBytes(context, limits.upload);
    await putSignedArtifact(new MlflowClient(await endpointOf(context)), owner, path, body);
    return context.json({});
  });

  routes.all('*', (context) => {
    throw notAllowed(`${context.req.method} of that path`);
  });

  const pass = async (
    context: GatewayContext,
    endpoint: Endpoint,
    path: string,
    init: RequestInit & { headers?: Record<string, string> },
    result: typeof answer = answer,
  ): Promise<Response> => {
    const carriesBytes = init.method === 'PUT' || result === bytesOf;
    const signal = anySignal([
      context.req.raw.signal,
      AbortSignal.timeout(carriesBytes ? 10 * limits.patience : limits.patience),
    ]);
    for (let renewed = false; ; renewed = true) {
      const rights = await endpoint.headers();
      let response: Response;
      try {
        // A redirect could carry the rights away.
        response = await fetch(`${endpoint.host}${path}`, {
          ...init,
          headers: { Accept: 'application/json', ...init.headers, ...rights },
          redirect: 'error',
          signal,
        });
      } catch {
        throw unreachable(endpoint);
      }
      if (response.status === 401 && !renewed && (await endpoint.renew(rights))) {
        await response.body?.cancel();
        continue;
      }
      return result(context, endpoint, response);
    }
  };
  return routes;
}

function ownerOf(context: GatewayContext): ArtifactOwner | undefined {
  for (const kind of ['run', 'model'] as const) {
    const value = context.req.query(`${kind}_id`);
    if (value !== undefined && new RegExp(`^${id}$`).test(value)) return { kind, id: value };
  }
  return undefined;
}

/** A file, or a part of it: as bytes, whatever the server calls them. */
async function bytesOf(context: GatewayContext, endpoint: Endpoint, response: Response): Promise<Response> {
  if (response.status !== 200 && response.status !== 206) return answer(context, endpoint, response);
  context.status(response.status);
  context.header('Content-Type', 'application/octet-stream');
  for (const name of ['content-length', 'content-range']) {
    const value = response.headers.get(name);
    if (value !== null && /^[\w /*-]{1,80}$/.test(value)) context.header(name, value);
  }
  return response.body ? context.body(response.body) : context.body(null);
}

/** The answer as far as pages may see it. A sign-in page in HTML would be a page of ours. */
async function answer(context: GatewayContext, endpoint: Endpoint, response: Response): Promise<Response> {
  const text = await response.text().catch(() => {
    throw unreachable(endpoint);
  });
  const after = response.headers.get('retry-after');
  if (after !== null && /^[\w ,:]{1,40}$/.test(after)) context.header('Retry-After', after);
  context.status(response.status as 200);
  if (text === '') return context.body(null);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const message = withoutSecrets(endpoint.redact(text.replaceAll(/<[^>]*>/g, ' '))).slice(0, 300);
    return context.json({ error_code: 'NOT_JSON', message });
  }
  // Signed addresses for artifacts are what was asked for; the gateway's own rights never are.
  return context.json(JSON.parse(endpoint.redact(JSON.stringify(value))));
}

/** The path as it came: a decoded one may hold other slashes and dots. */
function rawPath(context: GatewayContext): string {
  const { pathname } = new URL(context.req.raw.url);
  return pathname.slice(pathname.indexOf('/gw/mlflow') + '/gw/mlflow'.length);
}

/** Neither dots that lead up, in any spelling, nor backslashes or control characters. */
function isPlainPath(path: string): boolean {
  let decoded = path;
  for (let round = 0; round < 3; round++) {
    try {
      decoded = decodeURIComponent(decoded);
    } catch {
      break;
    }
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  return path !== '' && !/[\\\u0000-\u001f\u007f]/.test(decoded) && !/(^|\/)\.{0,2}(\/|$)/.test(decoded);
}

/** What lies in a logged model's folder: `1/models/m-…/artifacts/config.json`. Those of runs are read elsewhere. */
function isModelPath(path: string): boolean {
  return isPlainPath(path) && /(^|\/)models\/m-[\w-]{1,62}\/artifacts(\/|$)/.test(path);
}

function isJson(body: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

function notAllowed(what: string): Refusal {
  return new Refusal(403, {
    code: 'mlflow_call_not_allowed',
    expected: 'a call to MLflow that a run needs',
    received: what.slice(0, 100).replaceAll(/[^\w /.-]/g, '?'),
    fix: 'ask the MLflow server itself',
  });
}

function unreachable(endpoint: Endpoint): Refusal {
  return new Refusal(502, {
    code: 'mlflow_unavailable',
    expected: `the MLflow server at ${endpoint.host} to answer`,
    received: 'no answer',
    fix: 'try again later: what is missing is sent then',
  });
}
