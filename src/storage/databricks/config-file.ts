/**
 * `~/.databrickscfg`, the file that Databricks' command line and SDKs share: INI as Python's configparser reads it.
 * Sections are profiles; `[DEFAULT]` is the one that counts when nobody names one, unless
 * `[__settings__] default_profile` does. Profiles don't inherit from `[DEFAULT]`.
 *
 * Read by hand: INI libraries cut values at `#` and `;`, and tokens and secrets may hold either.
 */
import { ConfigError } from '../../core/index.ts';

export type Profile = ReadonlyMap<string, string>;

/** Profiles by name; keys in lower case. Errors name the line, never what it says: it may be a token. */
export function parseConfigFile(text: string, place: string): ReadonlyMap<string, Profile> {
  const profiles = new Map<string, Map<string, string>>();
  let current: Map<string, string> | undefined;
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || /^[#;]/.test(trimmed)) continue;
    const section = /^\[([^\]]+)\]$/.exec(trimmed)?.[1];
    if (section !== undefined) {
      current = profiles.get(section) ?? new Map();
      profiles.set(section, current);
      continue;
    }
    const pair = /^([^=:]+?)\s*[=:]\s*(.*)$/.exec(trimmed);
    if (!pair || !current) throw unreadable(place, index + 1, pair ? 'a key before any section' : 'neither');
    current.set(pair[1]!.toLowerCase(), pair[2]!);
  }
  return profiles;
}

function unreadable(place: string, line: number, received: string): ConfigError {
  return new ConfigError({
    code: 'databricks_config_unreadable',
    expected: `[profile] or key = value in line ${line} of ${place}`,
    received,
    fix: 'correct that line',
  });
}
