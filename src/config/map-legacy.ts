/** Brings the keys of older files to their one place, and sets those without a meaning aside (`legacy.ts`). */
import { isDeepStrictEqual } from './equal.ts';
import { ignoredKeys, legacySections, type MovedKey, movedKeys } from './legacy.ts';
import { describe, isTree, type Path, type Source } from './source.ts';
import type { RecipeWarning } from './warnings.ts';

export function mapLegacyKeys(source: Source, warnings: RecipeWarning[]): void {
  augmentSection(source, warnings);
  const repeated: string[] = [];
  for (const key of movedKeys) moveKey(source, key, warnings, repeated);
  if (repeated.length > 0) {
    warnings.push({
      code: 'repeated_keys',
      message: `${source.name}: given twice with the same value, once is enough: ${repeated.join(', ')}`,
    });
  }
  for (const { key, why } of ignoredKeys) {
    const path = key.split('.');
    if (source.get(path) === undefined) continue;
    warnings.push({
      code: 'key_without_effect',
      message: `${source.locate(path).where}: ${key} has no effect: ${why}`,
    });
    source.remove(path);
  }
  for (const section of legacySections) {
    const value = source.get([section]);
    if (value === null || (isTree(value) && Object.keys(value).length === 0)) source.remove([section]);
  }
}

/** One of the reference system's classes took the augmentations themselves as `data.augment`. */
function augmentSection(source: Source, warnings: RecipeWarning[]): void {
  if (!isTree(source.get(['data', 'augment']))) return;
  moveKey(
    source,
    {
      from: 'data.augment',
      to: 'data.augmentations',
      why: 'data.augment switches on and off, data.augmentations holds the steps',
    },
    warnings,
    [],
  );
}

function moveKey(source: Source, key: MovedKey, warnings: RecipeWarning[], repeated: string[]): void {
  moveValue(source, key.from.split('.'), key.to.split('.'), key, warnings, repeated);
}

function moveValue(
  source: Source,
  from: Path,
  to: Path,
  key: MovedKey,
  warnings: RecipeWarning[],
  repeated: string[],
): void {
  const old = source.get(from);
  if (old === undefined) return;
  const current = source.get(to);
  if (old === null) {
    source.remove(from);
    return;
  }
  if (isTree(old) && isTree(current)) {
    for (const name of Object.keys(old)) {
      moveValue(source, [...from, name], [...to, name], key, warnings, repeated);
    }
    source.remove(from);
    return;
  }
  if (current === undefined || current === null) {
    warnings.push({
      code: 'moved_key',
      message: `${source.locate(from).where}: ${from.join('.')} is read as ${to.join('.')}: ${key.why}`,
    });
    source.move(from, to);
    return;
  }
  if (isDeepStrictEqual(square(old), square(current))) {
    repeated.push(`${from.join('.')} = ${to.join('.')}`);
    source.remove(from);
    return;
  }
  const oldWins = firstWins(source.isOverridden(from), source.isOverridden(to), key.wins === 'from');
  const [winner, loser] = oldWins ? [from, to] : [to, from];
  warnings.push({
    code: 'conflicting_keys',
    message: `${source.locate(loser).where}: ${loser.join('.')} (${describe(source.get(loser))}) differs from ${winner.join('.')} (${describe(source.get(winner))}); ${winner.join('.')} counts: ${key.why}`,
  });
  if (oldWins) source.move(from, to);
  else source.remove(from);
}

/** An argument of the command line beats the file; otherwise the rule of the key decides. */
function firstWins(firstOverridden: boolean, secondOverridden: boolean, rule: boolean): boolean {
  return firstOverridden === secondOverridden ? rule : firstOverridden;
}

/** `800` and `[800, 800]` say the same size. */
function square(value: unknown): unknown {
  return Array.isArray(value) && value.length === 2 && value[0] === value[1] ? value[0] : value;
}
