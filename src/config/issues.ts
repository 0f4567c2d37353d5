/**
 * The schema's findings as sentences: what was expected, what was received, and the nearest name that exists.
 */
import type { z } from 'zod';
import { schemaKeys } from './keys.ts';
import { movedKeys } from './legacy.ts';
import { nearest } from './nearest.ts';
import { describe, type Path, type Source } from './source.ts';

type Issue = z.core.$ZodIssue;

export function reportIssues(source: Source, issues: readonly Issue[]): void {
  for (const issue of issues) reportIssue(source, issue);
}

function reportIssue(source: Source, issue: Issue): void {
  const path = issue.path as Path;
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) reportUnknownKey(source, path, key);
    return;
  }
  const value = source.get(path);
  if (value === undefined) {
    source.problem(path, `missing. Expected ${expectedOf(issue, value)}`);
    return;
  }
  source.problem(path, `expected ${expectedOf(issue, value)}. Received: ${describe(value)}`);
}

function reportUnknownKey(source: Source, section: Path, key: string): void {
  const here = section.map(String);
  const full = [...here, key].join('.');
  const all = schemaKeys();
  const siblings = all.filter(
    (name) =>
      name.split('.').length === here.length + 1 && name.startsWith(here.map((part) => `${part}.`).join('')),
  );
  // The same name in another section is a better guess than a similar one here.
  const others = all.filter((name) => name.includes('.') && !name.startsWith('tuning.'));
  const elsewhere = others.find((name) => name.split('.').at(-1) === key);
  const similarHere = ofName(nearest(key, siblings.map(lastPart)), siblings);
  const guess =
    elsewhere ??
    similarHere ??
    movedKeys.find(
      ({ from }) =>
        lastPart(from) ===
        nearest(
          key,
          movedKeys.map((moved) => lastPart(moved.from)),
        ),
    )?.to ??
    ofName(nearest(key, others.map(lastPart)), others);
  const advice = guess
    ? `did you mean ${guess}?`
    : `known here: ${siblings.map(lastPart).join(', ') || 'nothing'}`;
  const place = source.locate(section, key);
  source.problems.push({ ...place, text: `${full}: unknown key; ${advice}`, path: [...section, key] });
}

const lastPart = (name: string): string => name.split('.').at(-1)!;
const ofName = (last: string | undefined, names: readonly string[]): string | undefined =>
  last === undefined ? undefined : names.find((name) => lastPart(name) === last);

function expectedOf(issue: Issue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeText(issue.expected);
    case 'invalid_value': {
      const names = issue.values.map(String);
      const guess = typeof value === 'string' ? nearest(value, names) : undefined;
      return names.length === 1
        ? names[0]!
        : `one of ${names.join(', ')}${guess ? ` (did you mean ${guess}?)` : ''}`;
    }
    case 'too_small':
      return bound(issue.origin, issue.inclusive ? '≥' : '>', Number(issue.minimum));
    case 'too_big':
      return bound(issue.origin, issue.inclusive ? '≤' : '<', Number(issue.maximum));
    case 'invalid_union':
      return unionText(issue, value);
    default:
      return issue.message.replace(/^expected /i, '').replace(/^Invalid input: expected /, '');
  }
}

function unionText(issue: Extract<Issue, { code: 'invalid_union' }>, value: unknown): string {
  return issue.message === 'Invalid input'
    ? issue.errors.map((branch) => (branch[0] ? expectedOf(branch[0], value) : '')).join(', or ')
    : issue.message.replace(/^expected /, '');
}

function bound(origin: string, sign: string, limit: number): string {
  if (origin === 'string')
    return limit <= 1 ? 'text that is not empty' : `text with ${sign} ${limit} characters`;
  if (origin === 'array') return `a list with ${sign} ${limit} entries`;
  return `a number ${sign} ${limit}`;
}

function typeText(type: string): string {
  const names: Readonly<Record<string, string>> = {
    number: 'a number',
    int: 'a whole number',
    string: 'text',
    boolean: 'true or false',
    object: 'a section (key: value)',
    record: 'a section (key: value)',
    array: 'a list',
    tuple: 'a list',
    null: 'null',
  };
  return names[type] ?? type;
}
