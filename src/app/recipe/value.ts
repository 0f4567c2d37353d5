/** Single values of a recipe as a text field shows them, and back. */
import { parse, stringify } from 'yaml';

/** `[0.8, 1.2]`, `{ degrees: 15 }`, `auto`; empty for what is not there. */
export function writeValue(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
}

/** The value that a text means; text that is no YAML stays text, so that the recipe's own check speaks about it. */
export function readValue(text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch {
    return text;
  }
}
