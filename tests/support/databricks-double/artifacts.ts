/**
 * What a workspace's MLflow signs for files of runs and models (MLflow's protos DatabricksMlflowArtifactsService):
 * an address per path. The rest of MLflow is tested against a real server.
 */
import { type Answer, answers } from './answers.ts';
import type { Store } from './store.ts';

/** Undefined for another route. */
export async function artifactAnswer(
  line: string,
  body: Uint8Array,
  store: Store,
): Promise<Answer | undefined> {
  const sign = async (owner: string, path: string): Promise<Record<string, unknown>> => ({
    path,
    signed_uri: await store.sign('PUT', `mlflow/${owner}/artifacts/${path}`, 3600),
    headers: [],
    type: 'AWS_PRESIGNED_URL',
  });
  const asked = (): Record<string, unknown> => JSON.parse(new TextDecoder().decode(body) || '{}');
  if (line === 'POST /api/2.0/mlflow/artifacts/credentials-for-write') {
    const { run_id: run, path } = asked() as { run_id?: string; path?: string[] };
    if (!run || !path) return answers.invalid('run_id or path');
    const infos = path.map(async (each) => ({ run_id: run, ...(await sign(run, each)) }));
    return { status: 200, body: { credential_infos: await Promise.all(infos) } };
  }
  const model = /^POST \/api\/2\.0\/mlflow\/logged-models\/([\w-]+)\/artifacts\/credentials-for-upload$/.exec(
    line,
  );
  if (!model) return undefined;
  const { paths } = asked() as { paths?: string[] };
  if (!paths) return answers.invalid('paths');
  const credentials = paths.map(async (each) => ({
    model_id: model[1],
    credential_info: await sign(model[1]!, each),
  }));
  return { status: 200, body: { credentials: await Promise.all(credentials) } };
}
