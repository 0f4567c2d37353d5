/**
 * Whether the places and servers that are configured answer: by the recipe, if one is given, and by the standard
 * environment variables. Nothing is changed there, no answer takes longer than five seconds, and no token is shown.
 */
import { environmentVariable } from '#platform';
import { isPlaceholder, type Recipe, shownPlace } from '../config/index.ts';
import { anySignal, DataError, OcelliError } from '../core/index.ts';
import {
  hasFiles,
  isModelReference,
  LocalVolume,
  openPlace,
  openRegisteredModel,
  resolveEndpoint,
} from '../storage/index.ts';

export interface Reachability {
  readonly name: string;
  readonly place: string;
  readonly ok: boolean;
  readonly answer: string;
}

const patience = 5000;

export async function checkServers(recipe: Recipe | undefined, signal: AbortSignal): Promise<Reachability[]> {
  const places = recipe ? recipePlaces(recipe) : [];
  const mlflow = recipe?.mlflow.tracking_uri ?? environmentVariable('MLFLOW_TRACKING_URI');
  return Promise.all([
    checkHub(signal),
    ...(mlflow ? [checkMlflow(mlflow, signal)] : []),
    ...(recipe && isModelReference(recipe.model.model_name) ? [checkModel(recipe, signal)] : []),
    ...places.map(([name, place]) => checkPlace(name, place, signal)),
  ]);
}

function recipePlaces({ data, output, training }: Recipe): [string, string][] {
  const named: [string, string | null][] = [
    ['training images', data.train_data_path],
    ['training annotations', data.train_annotation_file],
    ['validation images', data.val_data_path],
    ['validation annotations', data.val_annotation_file],
    ['test images', data.test_data_path],
    ['test annotations', data.test_annotation_file],
    ['checkpoints', training.checkpoint_dir],
    ['results', output.results_dir === 'runs' ? null : output.results_dir],
  ];
  return named.filter((entry): entry is [string, string] => entry[1] !== null);
}

async function checkHub(signal: AbortSignal): Promise<Reachability> {
  const endpoint = (environmentVariable('HF_ENDPOINT') ?? 'https://huggingface.co').replace(/\/+$/, '');
  const token = environmentVariable('HF_TOKEN');
  return ask('Hugging Face hub', endpoint, signal, async (limit) => {
    const path = token ? '/api/whoami-v2' : '/api/models?limit=1';
    const headers: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : {};
    const { status } = await fetch(endpoint + path, { headers, signal: limit });
    if (token && (status === 401 || status === 403))
      return [false, `answers, but refuses HF_TOKEN (${status})`];
    return [status < 500, `answers (${status}${token ? ', HF_TOKEN accepted' : ', without a token'})`];
  });
}

async function checkMlflow(uri: string, signal: AbortSignal): Promise<Reachability> {
  let shown = shownPlace(uri);
  return ask(
    'MLflow',
    () => shown,
    signal,
    async (limit) => {
      const { host, headers } = await resolveEndpoint(uri, environmentVariable);
      shown = host;
      const address = `${host}/api/2.0/mlflow/experiments/search?max_results=1`;
      const { status } = await fetch(address, { headers: await headers(), signal: limit });
      if (status === 401 || status === 403)
        return [false, `answers, but refuses the credentials (${status})`];
      return [
        status === 200,
        status === 200 ? 'answers' : `answers with ${status}: is this an MLflow server?`,
      ];
    },
  );
}

/** A model of a registry: its version, and that its files can be had. */
async function checkModel({ model, mlflow }: Recipe, signal: AbortSignal): Promise<Reachability> {
  const { model_name: place } = model;
  const shown = { name: 'model', place };
  const server = { registryUri: mlflow.registry_uri, trackingUri: mlflow.tracking_uri };
  try {
    const { version } = await within(signal, (limit) =>
      openRegisteredModel(place, { server, signal: limit }),
    );
    return { ...shown, ok: true, answer: version === place ? 'is there' : `is ${version}` };
  } catch (error) {
    signal.throwIfAborted();
    return { ...shown, ok: false, answer: `is not there: ${reason(error)}` };
  }
}

/** Places that a run writes to; nothing needs to be there yet. */
const written = new Set(['checkpoints', 'results']);

async function checkPlace(name: string, place: string, signal: AbortSignal): Promise<Reachability> {
  const shown = { name, place: shownPlace(place) };
  if (isPlaceholder(place)) return { ...shown, ok: false, answer: 'has a placeholder to fill in' };
  if (place.startsWith('sample:')) return { ...shown, ok: true, answer: 'is generated' };
  try {
    const answer = await within(signal, (limit) => look(place, written.has(name), limit));
    return { ...shown, ok: true, answer };
  } catch (error) {
    signal.throwIfAborted();
    return { ...shown, ok: false, answer: `is not there: ${reason(error)}` };
  }
}

/** By one or two requests, however much lies there. */
async function look(place: string, mayBeEmpty: boolean, limit: AbortSignal): Promise<string> {
  const { volume, path } = await openPlace(place);
  // An existing folder of this machine opens as itself.
  if (path === '' && volume instanceof LocalVolume) return 'is there';
  const prefix = path === '' ? '' : `${path.replace(/\/+$/, '')}/`;
  try {
    if (path !== '' && !mayBeEmpty) {
      await volume.open(path).read({ start: 0, end: 1 }, limit);
      return 'is there';
    }
  } catch (error) {
    // A folder, or an empty file: the listing tells.
    if (!(error instanceof DataError) || volume instanceof LocalVolume) throw error;
    if (!(await hasFiles(volume, prefix, limit)) && !(await hasFiles(volume, path, limit))) throw error;
    return 'is there';
  }
  if (volume instanceof LocalVolume) return 'will be made';
  return (await hasFiles(volume, prefix, limit)) ? 'is there' : 'answers; nothing is there yet';
}

/** Not every step on the way to a volume can be interrupted: the waiting ends all the same. */
async function within<T>(signal: AbortSignal, work: (limit: AbortSignal) => Promise<T>): Promise<T> {
  const limit = anySignal([signal, AbortSignal.timeout(patience)]);
  const ended = new Promise<never>((_, reject) => {
    limit.addEventListener('abort', () => reject(limit.reason), { once: true });
  });
  return Promise.race([work(limit), ended]);
}

type Answer = readonly [ok: boolean, text: string];

async function ask(
  name: string,
  place: string | (() => string),
  signal: AbortSignal,
  request: (limit: AbortSignal) => Promise<Answer>,
): Promise<Reachability> {
  const shown = (): string => shownPlace(typeof place === 'string' ? place : place());
  try {
    const [ok, answer] = await request(anySignal([signal, AbortSignal.timeout(patience)]));
    return { name, place: shown(), ok, answer };
  } catch (error) {
    signal.throwIfAborted();
    return { name, place: shown(), ok: false, answer: `does not answer: ${reason(error)}` };
  }
}

function reason(error: unknown): string {
  if (error instanceof OcelliError) return `${error.received} (${error.hint})`;
  if (!(error instanceof Error)) return String(error);
  // fetch hides why it failed in the cause.
  const cause = error.cause as { code?: string; message?: string } | undefined;
  return error.name === 'TimeoutError'
    ? 'no answer in 5 s'
    : (cause?.code ?? cause?.message ?? error.message);
}
