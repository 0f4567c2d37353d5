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
