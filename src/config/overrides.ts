/**
 * `key=value` arguments that override a recipe: `training.max_epochs=3`, `data.class_weights=[1, 2.5]`,
 * `data.augmentations.rotation=false`, `training.max_steps=null`, `mlflow.run_name="2024"`. The value is read as
 * YAML, so that it has the type which it would have in the file.
 */
import { parseDocument } from 'yaml';
import { ConfigError } from '../core/index.ts';

export interface Override {
  readonly path: readonly string[];
  readonly value: unknown;
  /** As it was written, for messages. */
  readonly argument: string;
}

const forbidden = new Set(['__proto__', 'constructor', 'prototype']);

/** Reads all arguments; every wrong one is in the error's list. */
export function parseOverrides(args: readonly string[]): Override[] {
  const problems: string[] = [];
  const overrides: Override[] = [];
  for (const argument of args) {
    const result = parseOverride(argument);
    if (typeof result === 'string') problems.push(`argument ${argument}: ${result}`);
    else overrides.push(result);
  }
  if (problems.length > 0) {
    throw new ConfigError({
      code: 'invalid_override',
      expected: 'overrides as key=value, with dots for nesting',
      received: args.join(' '),
      fix: 'write them like training.max_epochs=3 (quote values with spaces for the shell)',
      problems,
    });
  }
  return overrides;
}

function parseOverride(argument: string): Override | string {
  const equals = argument.indexOf('=');
  if (equals < 1) return 'expected key=value, such as training.max_epochs=3';
  const path = argument.slice(0, equals).trim().split('.');
  if (path.some((key) => key.trim() === '' || forbidden.has(key))) {
    return 'expected names with single dots between them before the equals sign';
  }
  const text = argument.slice(equals + 1);
  const document = parseDocument(text, { version: '1.2', prettyErrors: false });
  const error = document.errors[0] ?? document.warnings[0];
  if (error) return `expected a YAML value after the equals sign. Received: ${error.message}`;
  try {
    // An empty value is an empty text, not null: `null` says null.
    return { path, value: text.trim() === '' ? '' : (document.toJS() as unknown), argument };
  } catch (cause) {
    return `expected a YAML value after the equals sign. Received: ${String(cause)}`;
  }
}
