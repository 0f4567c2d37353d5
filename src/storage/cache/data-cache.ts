/**
 * The cache as a recipe and its environment want it. `data.cache: false` has none; `OCELLI_CACHE` names another
 * folder than `~/.cache/ocelli/data`, `OCELLI_CACHE_SIZE` (`50GB`) another limit than 20 GB. It never takes
 * more than half of what the disk has free without it.
 */
import { environmentVariable, homeDirectory } from '#platform';
import { ConfigError } from '../../core/index.ts';
import { ContentCache } from './content-cache.ts';

const defaultLimit = 20e9;
const units: Readonly<Record<string, number>> = { MB: 1e6, GB: 1e9, TB: 1e12 };

/** @param onTrouble told what keeps the cache from working; nothing depends on it */
export function openDataCache(onTrouble?: (message: string) => void): ContentCache {
  const base = environmentVariable('XDG_CACHE_HOME') ?? `${homeDirectory()}/.cache`;
  const folder = environmentVariable('OCELLI_CACHE') ?? `${base}/ocelli/data`;
  return new ContentCache({ folder, limit: wantedLimit(), onTrouble });
}

function wantedLimit(): number {
  const text = environmentVariable('OCELLI_CACHE_SIZE');
  if (text === undefined) return defaultLimit;
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(MB|GB|TB)$/i.exec(text.trim()) ?? [];
  if (number === undefined || unit === undefined) {
    throw new ConfigError({
      code: 'cache_size_invalid',
      expected: 'OCELLI_CACHE_SIZE to be a size like 50GB or 800MB',
      received: text,
      fix: 'write a number with MB, GB or TB, or leave it out',
    });
  }
  return Number(number) * units[unit.toUpperCase()]!;
}
