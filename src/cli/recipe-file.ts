/** The recipe argument: a file, a run folder's recipe, or the name of a recipe that ships (`quickstart`). */
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { files } from '#platform';
import { type ParseResult, parseRecipe } from '../config/index.ts';
import { ConfigError, DataError } from '../core/index.ts';
import { packageInfo } from './package-info.ts';

export interface LoadedRecipe extends ParseResult {
  /** The file that was read. */
  readonly path: string;
}

export async function loadRecipe(name: string, overrides: readonly string[] = []): Promise<LoadedRecipe> {
  const path = findRecipe(name);
  const text = new TextDecoder().decode(await readWhole(path));
  return { ...parseRecipe(text, { source: displayName(name, path), overrides }), path };
}

async function readWhole(path: string): Promise<Uint8Array> {
  try {
    return await files.read(path);
  } catch (error) {
    if (error instanceof DataError && error.code === 'file_special') return readPipe(path);
    throw error;
  }
}

/** `<(…)` of a shell, and `/dev/stdin`: how much they hold is known at their end, which a device has not. */
async function readPipe(path: string): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    pieces.push(piece);
    length += piece.length;
    if (length > longestRecipe) throw tooLong(path);
  }
  return Buffer.concat(pieces);
}

/** In bytes: the longest that anyone writes has a thousandth of it. */
const longestRecipe = 16 * 2 ** 20;

function tooLong(path: string): ConfigError {
  return new ConfigError({
    code: 'recipe_too_long',
    expected: `a recipe of at most ${longestRecipe / 2 ** 20} MB in ${path}`,
    received: 'more',
    fix: 'name a recipe: a YAML file, a run folder, or one that ships',
  });
}

/** The names of the recipes that ship, without `.yaml`. */
export function shippedRecipes(): string[] {
  return readdirSync(join(packageInfo().folder, 'configs'))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .toSorted();
}

function findRecipe(name: string): string {
  if (existsSync(name)) {
    if (!statSync(name).isDirectory()) return name;
    const inside = join(name, 'recipe.yaml');
    if (existsSync(inside)) return inside;
  } else {
    const shipped = join(packageInfo().folder, 'configs', `${basename(name, '.yaml')}.yaml`);
    const asked = name === basename(name) || /^configs[\\/][^\\/]+$/.test(name);
    if (asked && existsSync(shipped)) return shipped;
  }
  throw new ConfigError({
    code: 'recipe_missing',
    expected: 'a recipe: a YAML file, a run folder, or the name of one that ships',
    received: name.includes('=') ? `${name} (an override; the recipe comes first)` : name,
    fix: `check the path, write one with \`ocelli init\`, or choose one of ${shippedRecipes().join(', ')}`,
  });
}

function displayName(name: string, path: string): string {
  return existsSync(name) ? path : `configs/${basename(path)}`;
}
