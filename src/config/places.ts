/**
 * Places with parts that still have to be filled in, such as `/Volumes/<catalog>/<schema>/<volume>/data`. A
 * recipe may carry them (templates do); whoever uses one gets this error.
 */
import { ConfigError } from '../core/index.ts';
import type { Recipe } from './schema/index.ts';

const placeholder = /<[A-Za-z][\w -]*>/;

export function isPlaceholder(place: string): boolean {
  return placeholder.test(place);
}

/** The place itself, when it has no placeholder. `key` names it in the error: `data.train_data_path`. */
export function usablePlace(place: string, key: string): string {
  if (!isPlaceholder(place)) return place;
  throw new ConfigError({
    code: 'placeholder_in_place',
    expected: `a real place in ${key}`,
    received: place,
    fix: `replace ${placeholder.exec(place)?.[0]} and the like, or override it: ${key}=…`,
  });
}

/**
 * Refuses a recipe with a key in an address: recipes are copied into run folders and to MLflow. To be asked before
 * anything is written.
 *
 * @throws ConfigError without the address's secret part
 */
export function refuseSecrets({ model, data, training, output }: Recipe): void {
  const places: Record<string, unknown> = {
    'model.model_name': model.model_name,
    ...Object.fromEntries(Object.entries(data).map(([key, value]) => [`data.${key}`, value])),
    'training.checkpoint_dir': training.checkpoint_dir,
    'output.results_dir': output.results_dir,
  };
  for (const [key, place] of Object.entries(places)) {
    if (typeof place !== 'string' || !carriesSecret(place)) continue;
    throw new ConfigError({
      code: 'place_invalid',
      expected: `a place without query, user and password in ${key}`,
      received: shownPlace(place),
      fix: 'leave them out: a recipe is copied into every run folder. Keys belong in the environment: docs/places.md',
    });
  }
}

/** The place as it may be printed: without user, password and query. */
export function shownPlace(place: string): string {
  if (!carriesSecret(place)) return place;
  return place.replace(/\/\/[^/]*@/, '//…@').replace(/[?#].*$/s, '?…');
}

/** `abfss://container@account` names no user. */
function carriesSecret(place: string): boolean {
  const [, scheme, authority, rest] = /^([a-z][a-z0-9+.-]+):\/\/([^/?#]*)(.*)$/is.exec(place) ?? [];
  if (scheme === undefined || /^file$/i.test(scheme)) return false;
  const user = /^abfss?$/i.test(scheme) ? /:.*@/ : /@/;
  return user.test(authority!) || /\?/.test(rest!);
}

/** The data section itself, when none of its places has a placeholder left. */
export function usableData(recipe: Recipe): Recipe['data'] {
  for (const split of ['train', 'val', 'test'] as const) {
    for (const key of [`${split}_data_path`, `${split}_annotation_file`] as const) {
      const place = recipe.data[key];
      if (place !== null) usablePlace(place, `data.${key}`);
    }
  }
  return recipe.data;
}
