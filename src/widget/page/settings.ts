/**
 * The attributes of `<ocelli-predict>`, read once for every change. A value that can't be understood is said in an
 * `error` event, and the default counts.
 */
import { ConfigError } from '../../core/index.ts';
import type { Facing } from './camera.ts';

export interface Settings {
  /** As written; empty: none yet. */
  readonly model: string;
  readonly task: string | undefined;
  readonly hub: string | undefined;
  readonly device: 'auto' | 'webgpu' | 'wasm';
  readonly dtype: 'fp32' | 'fp16';
  readonly maxBytes: number;
  readonly preload: boolean;
  /** Whether models may be recorded on the GPU and replayed. */
  readonly record: boolean;
  /** Objects and labels below this are not shown, 0 … 1. */
  readonly threshold: number | undefined;
  /** At most so many, the best ones. */
  readonly topK: number;
  /** Only these classes are shown; for zero-shot models the classes to tell apart. Empty: all. */
  readonly labels: readonly string[];
  readonly sources: ReadonlySet<SourceName>;
  /** The camera that is opened first. */
  readonly facing: Facing;
}

const sourceNames = ['file', 'drop', 'paste', 'url', 'webcam'] as const;
export type SourceName = (typeof sourceNames)[number];

export const attributeNames = [
  'model',
  'task',
  'src',
  'threshold',
  'labels',
  'top-k',
  'hub',
  'device',
  'dtype',
  'preload',
  'record',
  'sources',
  'facing',
  'max-megabytes',
] as const;

/** Changes of these mean another model. */
export const modelAttributes: readonly string[] = [
  'model',
  'task',
  'hub',
  'device',
  'dtype',
  'max-megabytes',
];

export interface Read {
  readonly settings: Settings;
  readonly problems: readonly ConfigError[];
}

export function readSettings(attribute: (name: string) => string | null): Read {
  const problems: ConfigError[] = [];
  const choice = <Value extends string>(name: string, known: readonly Value[]): Value => {
    const text = attribute(name)?.trim();
    const found = known.find((value) => value === text);
    if (found !== undefined || text === undefined || text === '') return found ?? known[0]!;
    problems.push(wrong(name, known.join(', '), text));
    return known[0]!;
  };
  const number = (name: string, low: number, high: number, whole: boolean): number | undefined => {
    const text = attribute(name)?.trim();
    if (text === undefined || text === '') return undefined;
    const value = Number(text);
    if (value >= low && value <= high && (!whole || Number.isInteger(value))) return value;
    problems.push(wrong(name, `a ${whole ? 'whole number' : 'number'} from ${low} to ${high}`, text));
    return undefined;
  };
  const list = (name: string): string[] =>
    (attribute(name) ?? '')
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== '');
  const sources = (attribute('sources') ?? '').split(/[\s,]+/).filter((word) => word !== '');
  const unknown = sources.filter((word) => !(sourceNames as readonly string[]).includes(word));
  if (unknown.length > 0)
    problems.push(wrong('sources', `words of ${sourceNames.join(', ')}`, unknown.join(' ')));
  const known = sourceNames.filter((name) => sources.includes(name));
  return {
    problems,
    settings: {
      model: attribute('model')?.trim() ?? '',
      task: attribute('task')?.trim() || undefined,
      hub: attribute('hub')?.trim() || undefined,
      device: choice('device', ['auto', 'webgpu', 'wasm']),
      dtype: choice('dtype', ['fp32', 'fp16']),
      maxBytes: (number('max-megabytes', 0, 1e6, false) ?? 2000) * 1e6,
      record: attribute('record') !== null,
      preload: choice('preload', ['none', 'model']) === 'model',
      threshold: number('threshold', 0, 1, false),
      facing: choice('facing', ['environment', 'user']),
      topK: number('top-k', 1, 1e6, true) ?? 5,
      labels: list('labels'),
      sources: new Set(attribute('sources') === null || known.length === 0 ? sourceNames : known),
    },
  };
}

function wrong(name: string, expected: string, received: string): ConfigError {
  return new ConfigError({
    code: 'attribute_invalid',
    expected: `the attribute ${name} to be ${expected}`,
    received: received.slice(0, 100),
    fix: 'correct the attribute; until then its default counts',
  });
}
