/**
 * The recipe's `data.augmentations` as a plan: a list of plain objects that travels to worker threads.
 *
 * They act before the processor, in the order given, each with its probability `p` (0.5). A value may be the
 * short form of the reference system's files (`rotation: 10`) or an object with `p`
 * (`rotation: { degrees: 10, p: 1 }`); `false`, 0 and null leave one out.
 */
import { ConfigError } from '../../core/index.ts';

/** Colour factors are drawn from 1 ± x; hue moves by ± x turns. */
export interface ColorJitter {
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  readonly hue: number;
}

export type Augmentation = { readonly p: number } & (
  | { readonly type: 'horizontal_flip' | 'vertical_flip' }
  /** Around the centre by an angle from ± degrees; the size stays, corners become black. */
  | { readonly type: 'rotation'; readonly degrees: number }
  | ({ readonly type: 'color_jitter' | 'brightness_contrast' | 'hue_saturation' } & ColorJitter)
  /** Keeps a share of the area from this range; the shape varies. */
  | { readonly type: 'random_crop'; readonly area: Range }
  /** Both sides times a factor from this range. */
  | { readonly type: 'random_resize'; readonly scale: Range }
  /** A rectangle of that share of the area and that aspect ratio takes the image's mean colour. */
  | { readonly type: 'random_erasing'; readonly area: Range; readonly ratio: Range }
);

export type Range = readonly [low: number, high: number];

type Values = Readonly<Record<string, unknown>>;
type Row = (value: unknown, read: Reader) => Omit<Augmentation, 'p'> | undefined;

const flip =
  (type: 'horizontal_flip' | 'vertical_flip'): Row =>
  (value, read) => {
    read.keys(value, []);
    return { type };
  };

/** One row per augmentation: how its short form and its object are read. */
const rows: Readonly<Record<string, Row>> = {
  horizontal_flip: flip('horizontal_flip'),
  vertical_flip: flip('vertical_flip'),
  rotation: (value, read) => {
    const degrees = read.number(value, 'degrees', 15, 180);
    return degrees === 0 ? undefined : { type: 'rotation', degrees };
  },
  color_jitter: (value, read) => {
    read.keys(value, ['brightness', 'contrast', 'saturation', 'hue']);
    const jitter = {
      brightness: read.field(value, 'brightness', 0, 1),
      contrast: read.field(value, 'contrast', 0, 1),
      saturation: read.field(value, 'saturation', 0, 1),
      hue: read.field(value, 'hue', 0, 0.5),
    };
    return Object.values(jitter).some((x) => x > 0) ? { type: 'color_jitter', ...jitter } : undefined;
  },
  brightness_contrast: (value, read) => {
    const x = typeof value === 'number' ? read.number(value, 'brightness', 0, 1) : 0.2;
    read.keys(value, ['brightness', 'contrast']);
    return {
      type: 'brightness_contrast',
      brightness: read.field(value, 'brightness', x, 1),
      contrast: read.field(value, 'contrast', x, 1),
      saturation: 0,
      hue: 0,
    };
  },
  hue_saturation: (value, read) => {
    const x = typeof value === 'number' ? read.number(value, 'hue', 0, 0.5) : 0.1;
    read.keys(value, ['hue', 'saturation']);
    return {
      type: 'hue_saturation',
      brightness: 0,
      contrast: 0,
      saturation: read.field(value, 'saturation', x, 1),
      hue: read.field(value, 'hue', x, 0.5),
    };
  },
  random_crop: (value, read) => ({ type: 'random_crop', area: read.range(value, 'area', [0.8, 1], 1) }),
  random_resize: (value, read) => ({
    type: 'random_resize',
    scale: read.range(value, 'scale', [0.8, 1.2], 10),
  }),
  random_erasing: (value, read) => {
    read.keys(value, ['area', 'ratio']);
    const fields = typeof value === 'object' && !Array.isArray(value) ? (value as Values) : {};
    return {
      type: 'random_erasing',
      area: read.range(fields.area ?? true, 'area', [0.02, 0.33], 1),
      ratio: read.range(fields.ratio ?? true, 'ratio', [0.3, 3.3], 100),
    };
  },
};

/** The names that `data.augmentations` may use. */
export const augmentationNames: readonly string[] = Object.keys(rows);

/**
 * The plan of a recipe's `data.augmentations`. Throws a ConfigError that lists every mistake at once.
 *
 *     parseAugmentations({ horizontal_flip: true, rotation: 10 })
 *     // [{ type: 'horizontal_flip', p: 0.5 }, { type: 'rotation', degrees: 10, p: 0.5 }]
 */
export function parseAugmentations(settings: Values): Augmentation[] {
  const problems: string[] = [];
  const plan: Augmentation[] = [];
  for (const [name, value] of Object.entries(settings)) {
    if (value === false || value === 0 || value === null || value === undefined) continue;
    const row = rows[name];
    if (!row) {
      problems.push(`${name}: unknown; known: ${augmentationNames.join(', ')}`);
      continue;
    }
    const read = new Reader(name, problems);
    const augmentation = row(value, read);
    if (augmentation) plan.push({ ...augmentation, p: read.probability(value) } as Augmentation);
  }
  if (problems.length > 0) {
    throw new ConfigError({
      code: 'augmentations',
      expected: 'data.augmentations with known names and values in their ranges',
      received: `${problems.length} wrong ${problems.length > 1 ? 'entries' : 'entry'}`,
      fix: 'correct these entries of data.augmentations',
      problems,
    });
  }
  return plan;
}

class Reader {
  constructor(
    private readonly name: string,
    private readonly problems: string[],
  ) {}

  /** `true`, or an object with these keys and `p`; short forms were read before. */
  keys(value: unknown, known: readonly string[]): void {
    if (value === true || (typeof value === 'number' && known.length > 0)) return;
    if (typeof value !== 'object' || Array.isArray(value)) {
      this.problem('', 'true, false or an object', value);
      return;
    }
    for (const key of Object.keys(value as Values)) {
      if (key !== 'p' && !known.includes(key)) this.problem(`.${key}`, [...known, 'p'].join(', '), key);
    }
  }

  probability(value: unknown): number {
    return this.field(value, 'p', 0.5, 1);
  }

  /** A number in 0 … high of an object's field. */
  field(value: unknown, key: string, fallback: number, high: number): number {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return fallback;
    const number = (value as Values)[key] ?? fallback;
    if (typeof number === 'number' && number >= 0 && number <= high) return number;
    this.problem(`.${key}`, `a number in 0 … ${high}`, number);
    return fallback;
  }

  /** The short form `name: 10`, `true` for the default, or the field `key` of an object. */
  number(value: unknown, key: string, fallback: number, high: number): number {
    if (value === true) return fallback;
    if (typeof value !== 'number') {
      this.keys(value, [key]);
      return this.field(value, key, fallback, high);
    }
    if (value >= 0 && value <= high) return value;
    this.problem('', `a number in 0 … ${high}`, value);
    return fallback;
  }

  /** [low, high], `true` for the default, or the field `key` of an object. */
  range(value: unknown, key: string, fallback: Range, limit: number): Range {
    if (value === true) return fallback;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      this.keys(value, [key]);
      return this.range((value as Values)[key] ?? true, key, fallback, limit);
    }
    const [low, high] = Array.isArray(value) ? (value as unknown[]) : [];
    if (typeof low === 'number' && typeof high === 'number' && low > 0 && low <= high && high <= limit) {
      return [low, high];
    }
    this.problem('', `[low, high] with 0 < low ≤ high ≤ ${limit}, or true`, value);
    return fallback;
  }

  private problem(field: string, expected: string, received: unknown): void {
    this.problems.push(`${this.name}${field}: expected ${expected}, received ${JSON.stringify(received)}`);
  }
}
