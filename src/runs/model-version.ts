/**
 * Models of an MLflow registry in a run. An alias may name another version tomorrow, so a run takes down which version
 * it began with: its own recipe, its card and its report name that one, and so it goes on with it, whatever the alias
 * means by then.
 */
import type { Recipe } from '../config/index.ts';
import type { RunEventBody } from '../core/index.ts';
import { pinModel } from '../models/index.ts';
import { isModelReference, isMoving, type ModelServer, parseModelReference } from '../storage/index.ts';

export interface PinnedRecipe {
  /** Its `model.model_name` means the same model tomorrow. */
  readonly recipe: Recipe;
  /** How the recipe named the model, where that was another name. */
  readonly requested?: string;
  readonly warnings: readonly RunEventBody[];
}

/** The server that the recipe's models are registered with. */
export function modelServer({ mlflow }: Recipe): ModelServer {
  return { registryUri: mlflow.registry_uri, trackingUri: mlflow.tracking_uri };
}

/** Of a run that begins. */
export async function pinRecipe(recipe: Recipe, signal?: AbortSignal): Promise<PinnedRecipe> {
  const { model } = recipe;
  if (isLabel(recipe)) return { recipe, warnings: [] };
  const version = await pinModel(model.model_name, { server: modelServer(recipe), signal });
  return renamed(recipe, version);
}

/**
 * Of a run that goes on with a recipe of today: where that names the model which the run began with, the run keeps its
 * version.
 *
 * @param stored the run's own recipe
 */
export async function pinRecipeAgain(
  recipe: Recipe,
  stored: Recipe,
  signal?: AbortSignal,
): Promise<PinnedRecipe> {
  const [asked, before] = [recipe.model.model_name, stored.model.model_name];
  if (isLabel(recipe) || !movesFrom(asked, before)) return pinRecipe(recipe, signal);
  const kept = renamed(recipe, before);
  // Whether it moved is worth a word, and no failure: the run does not need to know.
  const now = await pinModel(asked, { server: modelServer(recipe), signal }).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    return undefined;
  });
  if (now === undefined || now === before) return kept;
  const message = `${asked} is ${now} by now: this run goes on with ${before}, which it began with`;
  return { ...kept, warnings: [{ type: 'warning', code: 'model_version_kept', message }] };
}

/** With an architecture of its own the name of the model is a label. */
function isLabel({ model }: Recipe): boolean {
  const fresh = !model.pretrained && typeof model.config.model_type === 'string';
  return fresh || !isModelReference(model.model_name);
}

/** Whether an alias, or `latest`, is of the registered model that a version is of. */
function movesFrom(asked: string, version: string): boolean {
  if (!isModelReference(version)) return false;
  const [reference, before] = [parseModelReference(asked), parseModelReference(version)];
  return isMoving(reference) && 'name' in reference && 'name' in before && reference.name === before.name;
}

function renamed(recipe: Recipe, version: string): PinnedRecipe {
  const { model } = recipe;
  if (version === model.model_name) return { recipe, warnings: [] };
  return {
    recipe: { ...recipe, model: { ...model, model_name: version } },
    requested: model.model_name,
    warnings: [],
  };
}
