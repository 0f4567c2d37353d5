/**
 * Names of models in an MLflow registry, as MLflow's own clients read them:
 *
 *   models:/shapes@champion      what the alias names now
 *   models:/shapes/3             version 3
 *   models:/shapes/latest        the highest version there is now
 *   models:/m-0123…              a logged model (MLflow 3)
 *
 * A model of Unity Catalog has three names: `models:/main.vision.shapes@champion`. The first and the third form may
 * mean another version tomorrow; the others name the same files for good.
 */
import { ConfigError } from '../../core/index.ts';

export type ModelReference =
  | { readonly kind: 'alias'; readonly name: string; readonly alias: string }
  | { readonly kind: 'version'; readonly name: string; readonly version: string }
  | { readonly kind: 'latest'; readonly name: string }
  | { readonly kind: 'logged'; readonly modelId: string };

/** Whether a place is meant to be a model of a registry, well written or not. */
export function isModelReference(place: string): boolean {
  return /^models:/i.test(place);
}

/** @throws ConfigError `model_reference_invalid`, `model_stage_unsupported` */
export function parseModelReference(place: string): ModelReference {
  const path = /^models:\/(?!\/)(.+)$/is.exec(place)?.[1];
  if (path === undefined) {
    const server = /^models:\/\//i.test(place);
    throw invalid(
      place,
      server ? 'name the server in mlflow.registry_uri (databricks-uc://<profile>)' : undefined,
    );
  }
  const [name = '', suffix, ...more] = path.split('/');
  if (more.length > 0 || suffix?.trim() === '' || !isName(name)) throw invalid(place);
  if (suffix !== undefined) {
    if (name.includes('@')) throw invalid(place, 'write the alias or the version, not both');
    if (/^\d+$/.test(suffix)) return { kind: 'version', name, version: String(BigInt(suffix)) };
    if (suffix.toLowerCase() === 'latest') return { kind: 'latest', name };
    throw stage(place, name, suffix);
  }
  const at = name.lastIndexOf('@');
  if (at >= 0) {
    const alias = name.slice(at + 1);
    if (at === 0 || !/^[\w-]{1,255}$/.test(alias)) throw invalid(place);
    return { kind: 'alias', name: name.slice(0, at), alias };
  }
  if (/^m-[\w-]{1,62}$/.test(name)) return { kind: 'logged', modelId: name };
  throw invalid(place, `say which version: models:/${name}@<alias>, models:/${name}/<number> or /latest`);
}

/** The same in one spelling. */
export function writeModelReference(reference: ModelReference): string {
  switch (reference.kind) {
    case 'alias':
      return `models:/${reference.name}@${reference.alias}`;
    case 'version':
      return `models:/${reference.name}/${reference.version}`;
    case 'latest':
      return `models:/${reference.name}/latest`;
    case 'logged':
      return `models:/${reference.modelId}`;
  }
}

/** Whether it may name another version later. */
export function isMoving({ kind }: ModelReference): boolean {
  return kind === 'alias' || kind === 'latest';
}

/** `catalog.schema.model`. */
export function isUnityName(name: string): boolean {
  return /^[^.]+\.[^.]+\.[^.]+$/.test(name);
}

/** What no server takes, and what would lead elsewhere in a path or a log. */
function isName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  return name.trim() !== '' && !/[\u0000-\u001f\u007f\\:%?#]/.test(name) && !/^\.+$/.test(name);
}

function invalid(place: string, fix?: string): ConfigError {
  return new ConfigError({
    code: 'model_reference_invalid',
    expected: 'models:/<name>@<alias>, models:/<name>/<version>, models:/<name>/latest or models:/m-<id>',
    received: JSON.stringify(place),
    fix: fix ?? 'write the name as the registry shows it, with an alias or a version',
  });
}

function stage(place: string, name: string, stage: string): ConfigError {
  return new ConfigError({
    code: 'model_stage_unsupported',
    expected: 'a version number, latest, or an alias after @',
    received: `${JSON.stringify(place)}: stages are deprecated in MLflow, and Unity Catalog has none`,
    fix: `set an alias on the version in the registry, and write models:/${name}@${stage.toLowerCase().replaceAll(/[^\w-]+/g, '-')}`,
  });
}
