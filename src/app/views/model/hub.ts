/**
 * A look at a model of the hub before it is chosen: whether it is there, and of a family that can be trained here. Otherwise a
 * misspelt name would come out minutes later, when a run begins.
 */
import { ConfigError, RemoteError } from '../../../core/index.ts';

/** What models of a `model_type` learn, of those families whose task can be trained. */
const tasks: Readonly<Record<string, string>> = {
  vit: 'classification',
  resnet: 'classification',
  detr: 'detection',
  yolos: 'detection',
};

const withoutHub = 'choose the model that comes with this page, a folder of yours or an earlier run';

/**
 * @returns the task of the model
 * @throws ConfigError `hub_name_invalid`, `unknown_model_type`
 * @throws RemoteError `hub_refused`, `hub_unreachable`
 */
export async function lookAtHubModel(server: string, id: string): Promise<string> {
  if (!/^[\w.-]+(\/[\w.-]+)?$/.test(id)) {
    throw new ConfigError({
      code: 'hub_name_invalid',
      expected: 'a hub id: owner/name, as in the address of the model’s page',
      received: id,
      fix: 'write it like microsoft/resnet-18',
    });
  }
  const response = await fetch(`${server}/${id}/resolve/main/config.json`).catch((cause: unknown) => {
    throw new RemoteError({
      code: 'hub_unreachable',
      expected: `an answer of ${server}`,
      received: 'none',
      fix: `check the connection; without one ${withoutHub}`,
      cause,
    });
  });
  if (!response.ok) throw refused(server, id, response.status);
  const config = (await response.json().catch(() => ({}))) as { readonly model_type?: unknown };
  const task = tasks[String(config.model_type)];
  if (task !== undefined) return task;
  throw new ConfigError({
    code: 'unknown_model_type',
    expected: `a model_type that can be trained here: ${Object.keys(tasks).join(', ')}`,
    received: `model_type=${String(config.model_type)} in the config.json of ${id}`,
    fix: 'choose a model of one of these families',
  });
}

function refused(server: string, id: string, status: number): RemoteError {
  const unknown = [401, 403, 404].includes(status);
  return new RemoteError({
    code: 'hub_refused',
    expected: `the model ${id} on ${server}`,
    received: `status ${status}`,
    fix: unknown
      ? 'check the name; a model that is private or asks for its terms can’t be read by a page: download it and choose its folder'
      : `try again in a few minutes, or ${withoutHub}`,
  });
}
