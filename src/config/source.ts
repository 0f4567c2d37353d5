/**
 * A recipe's text as data that remembers where each value stood. Values travel as a plain tree; positions are
 * looked up by path in the YAML document, or in the list of command-line overrides, which come later and win.
 */
import {
  type Document,
  isMap,
  isNode,
  isPair,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import type { Override } from './overrides.ts';

export type Path = readonly (string | number)[];
export type Tree = { [key: string]: unknown };

/** A problem that a person can act on, with the place where it stands. */
export interface Problem {
  /** `recipe.yaml:12:3`, or the argument `training.max_epochs=x`. */
  readonly where: string;
  readonly text: string;
  /** For sorting: position in the text; arguments come last. */
  readonly order: number;
  /** Where in the tree, as it was written; empty where the text is no tree. */
  readonly path: Path;
}

/** Python's PyYAML files may hold tuples; they are lists here. */
const pythonTuple = {
  tag: 'tag:yaml.org,2002:python/tuple',
  collection: 'seq' as const,
  resolve: (seq: unknown) => seq as Node,
};

export class Source {
  readonly problems: Problem[] = [];
  readonly tree: Tree;
  private readonly lines = new LineCounter();
  private readonly document: Document.Parsed;
  /** Where a value was written, when it now lies elsewhere: `training.learning_rate` ← `model.learning_rate`. */
  private readonly movedFrom = new Map<string, Path>();

  constructor(
    text: string,
    readonly name: string,
    private readonly overrides: readonly Override[],
  ) {
    this.document = parseDocument(text, {
      version: '1.2',
      merge: true,
      lineCounter: this.lines,
      prettyErrors: false,
      customTags: (tags) => [...tags, pythonTuple],
    });
    for (const error of [...this.document.errors, ...this.document.warnings]) {
      this.problems.push({
        where: this.at(error.pos[0]),
        text:
          error.code === 'MULTIPLE_DOCS'
            ? 'expected one YAML document. Received: a second one'
            : `expected YAML 1.2. Received: ${error.message}`,
        order: error.pos[0],
        path: [],
      });
    }
    this.checkAliases();
    this.tree = this.problems.length > 0 ? {} : this.readTree();
    for (const override of overrides) this.apply(override);
  }

  /** An alias that leads nowhere, or into what it lies in, makes no tree. */
  private checkAliases(): void {
    visit(this.document, {
      Alias: (_, alias, ancestors) => {
        const target = alias.resolve(this.document);
        if (target && !ancestors.includes(target)) return;
        const order = alias.range?.[0] ?? 0;
        const received = target ? 'which contains itself' : 'an anchor that does not stand before it';
        this.problems.push({
          where: this.at(order),
          text: `expected the alias of a value. Received: *${alias.source}, ${received}`,
          order,
          path: [],
        });
      },
    });
  }

  private readTree(): Tree {
    let value: unknown;
    try {
      value = this.document.toJS();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.problems.push({
        where: this.at(0),
        text: `expected YAML 1.2. Received: ${reason}`,
        order: 0,
        path: [],
      });
      return {};
    }
    if (isTree(value)) return value;
    const received = value === null || value === undefined ? 'nothing' : describe(value);
    this.problems.push({
      where: this.at(0),
      text: `expected a recipe: sections model, data, training, mlflow, output. Received: ${received}`,
      order: 0,
      path: [],
    });
    return {};
  }

  private apply({ path, value, argument }: Override): void {
    let here = this.tree;
    for (const [depth, key] of path.slice(0, -1).entries()) {
      const next = Object.hasOwn(here, key) ? here[key] : undefined;
      if (next === undefined || next === null) {
        const made: Tree = {};
        here[key] = made;
        here = made;
      } else if (isTree(next)) {
        here = next;
      } else {
        this.problems.push({
          where: `argument ${argument}`,
          text: `expected a section at ${path.slice(0, depth + 1).join('.')}. Received: ${describe(next)}`,
          order: Number.POSITIVE_INFINITY,
          path,
        });
        return;
      }
    }
    here[path.at(-1)!] = value;
  }

  /** The value at a path, or undefined. */
  get(path: Path): unknown {
    let value: unknown = this.tree;
    for (const key of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
      value = (value as Tree)[key];
    }
    return value;
  }

  set(path: Path, value: unknown): void {
    let here = this.tree;
    for (const key of path.slice(0, -1)) {
      if (!isTree(here[key])) here[key] = {};
      here = here[key] as Tree;
    }
    here[String(path.at(-1))] = value;
  }

  remove(path: Path): void {
    const parent = path.length > 1 ? this.get(path.slice(0, -1)) : this.tree;
    if (isTree(parent)) delete parent[String(path.at(-1))];
  }

  /** Takes a value to its one place; messages about it still name the place where it was written. */
  move(from: Path, to: Path): void {
    this.set(to, this.get(from));
    this.remove(from);
    this.movedFrom.set(to.join('.'), this.movedFrom.get(from.join('.')) ?? from);
  }

  /** Whether an argument of the command line set this value (or something in it). */
  isOverridden(path: Path): boolean {
    return this.overrideOf(this.written(path)) !== undefined;
  }

  problem(path: Path, text: string, options: { readonly key?: string } = {}): void {
    this.problems.push({
      ...this.locate(path, options.key),
      text: `${this.written(path).join('.')}: ${text}`,
      path: this.written(path),
    });
  }

  /** `recipe.yaml:12:3` of the value at a path (of a key in it, with `key`), or of what encloses it. */
  locate(path: Path, key?: string): { where: string; order: number } {
    const written = this.written(path);
    const override = this.overrideOf(key === undefined ? written : [...written, key]);
    if (override) return { where: `argument ${override.argument}`, order: Number.POSITIVE_INFINITY };
    const offset = this.offset(written, key);
    return { where: this.at(offset), order: offset };
  }

  private written(path: Path): Path {
    for (let length = path.length; length > 0; length--) {
      const origin = this.movedFrom.get(path.slice(0, length).join('.'));
      if (origin) return [...origin, ...path.slice(length)];
    }
    return path;
  }

  private overrideOf(path: Path): Override | undefined {
    return this.overrides.findLast((override) => {
      const length = Math.min(override.path.length, path.length);
      return override.path.slice(0, length).every((key, i) => key === String(path[i]));
    });
  }

  private offset(path: Path, key?: string): number {
    let node: unknown = this.document.contents;
    let best = isNode(node) ? (node.range?.[0] ?? 0) : 0;
    for (const step of key === undefined ? path : [...path, key]) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isPair(item) && keyText(item.key) === String(step));
        if (!pair) return best;
        if (isNode(pair.key)) best = pair.key.range?.[0] ?? best;
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(step)];
        if (isNode(node)) best = node.range?.[0] ?? best;
      } else {
        return best;
      }
    }
    return best;
  }

  private at(offset: number): string {
    const { line, col } = this.lines.linePos(offset);
    return `${this.name}:${line || 1}:${col || 1}`;
  }
}

function keyText(key: unknown): string {
  const value = isNode(key) ? (key.toJSON() as unknown) : key;
  return String(value);
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value in an error message: its kind and, when short, itself. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (typeof value === 'string') return `text ${JSON.stringify(shorten(value))}`;
  if (typeof value === 'number') return `number ${value}`;
  if (typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return `list ${shorten(JSON.stringify(value))}`;
  return `section ${shorten(JSON.stringify(value))}`;
}

const shorten = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}…` : text);
