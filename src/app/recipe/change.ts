/**
 * Changes of single values in a recipe's text. The rest of the text stays as its author wrote it: comments, blank lines, order,
 * alignment. A value that stands there is replaced where it stands, a new key gets a line at the end of its section, and a key
 * that goes takes its lines along. Where the text has another shape (a section in braces, say), the YAML library writes it anew,
 * which keeps comments too. Each result is read back: what is not what was asked for is never returned.
 */
import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  type Pair,
  parseDocument,
  stringify,
  type YAMLMap,
} from 'yaml';
import { isDeepStrictEqual } from '../../config/index.ts';

export interface Change {
  readonly path: readonly string[];
  /** undefined takes the key away, so that the default counts. */
  readonly value: unknown;
}

/** Leaves text that is no YAML as it is: only its author can mend it. */
export function changeRecipe(text: string, changes: readonly Change[]): string {
  return changes.reduce(changeOne, text);
}

function changeOne(text: string, change: Change): string {
  const document = read(text);
  if (document.errors.length > 0) return text;
  if (isDeepStrictEqual(valueAt(document, change.path), change.value)) return text;
  const edited = editText(text, document, change);
  if (edited !== undefined && isDone(edited, change, document)) return edited;
  if (change.value === undefined) document.deleteIn(change.path);
  else document.setIn(change.path, document.createNode(change.value));
  return document.toString({ lineWidth: 0 });
}

const read = (text: string): Document.Parsed => parseDocument(text, { version: '1.2' });
const valueAt = (document: Document, path: readonly string[]): unknown => {
  const node = document.getIn(path, true);
  return isNode(node) ? (node.toJS(document) as unknown) : (node ?? undefined);
};

/** Whether exactly the change happened. */
function isDone(text: string, { path, value }: Change, before: Document): boolean {
  const after = read(text);
  if (after.errors.length > 0) return false;
  const expected = before.clone();
  if (value === undefined) expected.deleteIn(path);
  else expected.setIn(path, expected.createNode(value));
  return isDeepStrictEqual(after.toJS(), expected.toJS());
}

function editText(text: string, document: Document, { path, value }: Change): string | undefined {
  // The deepest section that is there; what is missing below it is written with the value.
  let depth = path.length - 1;
  while (depth > 0 && document.getIn(path.slice(0, depth), true) === undefined) depth--;
  const parent = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true);
  if (!isMap(parent) || parent.flow) return undefined;
  const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === path[depth]);
  if (value === undefined) return pair && parent.items.length > 1 ? withoutPair(text, pair) : undefined;
  const written = writtenInLine(value);
  return pair ? withValue(text, pair, written) : withNewKeys(text, parent, path.slice(depth), written);
}

function withValue(text: string, { value }: Pair, written: string): string | undefined {
  if (!isNode(value) || !value.range) return undefined;
  const [start, end] = value.range;
  // `key:` with nothing behind it.
  if (start === end) return `${text.slice(0, start).replace(/[ \t]*$/, '')} ${written}${text.slice(end)}`;
  if (text.slice(start, end).includes('\n')) return undefined;
  return text.slice(0, start) + written + text.slice(end);
}

function withNewKeys(
  text: string,
  parent: YAMLMap,
  keys: readonly string[],
  written: string,
): string | undefined {
  const first = parent.items[0]?.key;
  const last = parent.items.at(-1);
  if (!isNode(first) || !first.range || !last) return undefined;
  const indent = text.slice(text.lastIndexOf('\n', first.range[0] - 1) + 1, first.range[0]);
  if (indent.trim() !== '') return undefined;
  const lines = keys.map(
    (key, i) => `${indent}${'  '.repeat(i)}${key}:${i === keys.length - 1 ? ` ${written}` : ''}`,
  );
  const end = endOfLine(text, endOf(last));
  // Sections of the recipe are set apart.
  const gap = indent === '' && keys.length > 1 ? '\n\n' : '\n';
  return `${text.slice(0, end)}${gap}${lines.join('\n')}${text.slice(end)}`;
}

function withoutPair(text: string, pair: Pair): string | undefined {
  if (!isNode(pair.key) || !pair.key.range) return undefined;
  const start = text.lastIndexOf('\n', pair.key.range[0] - 1) + 1;
  return text.slice(0, start) + text.slice(endOfLine(text, endOf(pair)) + 1);
}

/** Where the value itself ends, without comments and blank lines behind it. */
function endOf({ key, value }: Pair): number {
  if (isMap(value) && !value.flow && value.items.length > 0) {
    const last = value.items.at(-1);
    if (isPair(last)) return endOf(last);
  }
  const end = isNode(value) ? value.range?.[1] : undefined;
  return end ?? (isNode(key) ? (key.range?.[1] ?? 0) : 0);
}

/** Block lists end behind their last line break. */
function endOfLine(text: string, offset: number): number {
  const from = text[offset - 1] === '\n' ? offset - 1 : offset;
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

const writtenInLine = (value: unknown): string =>
  stringify(value, { collectionStyle: 'flow', lineWidth: 0, version: '1.2' }).trimEnd();
