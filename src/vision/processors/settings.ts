/**
 * Reads a `preprocessor_config.json`: Hugging Face's defaults, its older spellings (`size: 224`, `max_size`,
 * `reduce_labels`, `feature_extractor_type`), and every mistake reported at once.
 */
import { ConfigError, type Size } from '../../core/index.ts';
import { type Filter, filtersByCode } from '../taps.ts';
import type { ProcessorConfig } from '../types.ts';

/** How `size` asks for a size. */
export type SizeRule =
  | { readonly rule: 'fixed'; readonly height: number; readonly width: number }
  | { readonly rule: 'shortest_edge'; readonly shortest: number; readonly longest?: number }
  | { readonly rule: 'max_height_width'; readonly maxHeight: number; readonly maxWidth: number };

/** A configuration, understood. */
export interface Settings {
  readonly doResize: boolean;
  readonly doCenterCrop: boolean;
  readonly doRescale: boolean;
  readonly doNormalize: boolean;
  readonly doPad: boolean;
  readonly doConvertAnnotations: boolean;
  readonly size: SizeRule;
  readonly filter: Filter;
  readonly cropSize: Size | undefined;
  readonly cropPct: number;
  readonly padSize: Size | undefined;
  readonly rescaleFactor: number;
  /** VitPose: whether boxes are warped, and the unit of their scale in pixels. */
  readonly doAffineTransform: boolean;
  readonly normalizeFactor: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly format: string;
}

export interface SettingsOptions {
  readonly type: string;
  /** Hugging Face's constructor defaults. */
  readonly defaults: ProcessorConfig;
  /** What a plain number in `size` means: a square, or the shortest edge. */
  readonly numberIsSquare: boolean;
  readonly rules: readonly SizeRule['rule'][];
}

export function readSettings(config: ProcessorConfig, options: SettingsOptions): Settings {
  const reader = new Reader(config, options.defaults);
  const size = reader.size(options.numberIsSquare, options.rules);
  const doNormalize = reader.boolean('do_normalize', true);
  const settings: Settings = {
    doResize: reader.boolean('do_resize', true),
    doCenterCrop: reader.boolean('do_center_crop', false),
    doRescale: reader.boolean('do_rescale', true),
    doNormalize,
    doPad: reader.boolean('do_pad', reader.boolean('pad_and_return_pixel_mask', false)),
    // Hugging Face's rule for files from before the key existed.
    doConvertAnnotations: reader.boolean('do_convert_annotations', doNormalize),
    size,
    filter: reader.filter(),
    cropSize: reader.pair('crop_size'),
    cropPct: reader.number('crop_pct', 224 / 256),
    padSize: reader.pair('pad_size'),
    rescaleFactor: reader.number('rescale_factor', 1 / 255),
    doAffineTransform: reader.boolean('do_affine_transform', true),
    normalizeFactor: reader.number('normalize_factor', 200),
    mean: reader.channels('image_mean'),
    std: reader.channels('image_std'),
    format: reader.text('format', 'coco_detection'),
  };
  if (settings.std.includes(0)) reader.problem('image_std', 'numbers other than 0', settings.std);
  if (settings.doCenterCrop && !settings.cropSize)
    reader.problem('crop_size', 'a size, as do_center_crop is true', undefined);
  reader.finish(options.type);
  return settings;
}

class Reader {
  private readonly problems: string[] = [];

  constructor(
    private readonly config: ProcessorConfig,
    private readonly defaults: ProcessorConfig,
  ) {}

  problem(key: string, expected: string, received: unknown): void {
    this.problems.push(`${key}: expected ${expected}, received ${JSON.stringify(received) ?? 'nothing'}`);
  }

  finish(type: string): void {
    if (this.problems.length === 0) return;
    throw new ConfigError({
      code: 'processor_config',
      expected: `a preprocessor_config.json that ${type} understands`,
      received: `${this.problems.length} wrong value${this.problems.length > 1 ? 's' : ''}`,
      fix: 'correct these keys; the file beside the checkpoint on the hub is right for it',
      problems: this.problems,
    });
  }

  /** null means, as in Python, that the default counts. */
  private value(key: string): unknown {
    return this.config[key] ?? this.defaults[key] ?? undefined;
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.value(key) ?? fallback;
    if (typeof value === 'boolean') return value;
    this.problem(key, 'true or false', value);
    return fallback;
  }

  number(key: string, fallback: number): number {
    const value = this.value(key) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    this.problem(key, 'a number above 0', value);
    return fallback;
  }

  text(key: string, fallback: string): string {
    const value = this.value(key) ?? fallback;
    if (typeof value === 'string') return value;
    this.problem(key, 'a text', value);
    return fallback;
  }

  channels(key: string): readonly number[] {
    const value = this.value(key);
    const list = typeof value === 'number' ? [value, value, value] : value;
    if (Array.isArray(list) && list.length === 3 && list.every((entry) => typeof entry === 'number')) {
      return list as number[];
    }
    this.problem(key, 'three numbers', value);
    return [0, 0, 0];
  }

  filter(): Filter {
    const code = this.value('resample');
    const filter = typeof code === 'number' ? filtersByCode[code] : undefined;
    if (filter) return filter;
    this.problem(
      'resample',
      `a PIL filter: ${filtersByCode.map((name, i) => `${i} (${name})`).join(', ')}`,
      code,
    );
    return 'bilinear';
  }

  /** `crop_size` and `pad_size`: a number, [height, width] or an object. */
  pair(key: string): Size | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    if (isSide(value)) return { height: value, width: value };
    const [height, width] = Array.isArray(value)
      ? (value as unknown[])
      : [(value as Record<string, unknown>).height, (value as Record<string, unknown>).width];
    if (isSide(height) && isSide(width)) return { height, width };
    this.problem(key, 'a whole number, [height, width] or {height, width}', value);
    return undefined;
  }

  size(numberIsSquare: boolean, rules: readonly SizeRule['rule'][]): SizeRule {
    const value = this.value('size');
    const rule = sizeRule(value, numberIsSquare, this.config.max_size);
    if (rule && rules.includes(rule.rule)) return rule;
    this.problem('size', `an object with ${rules.map((name) => ruleKeys[name]).join(', or ')}`, value);
    return { rule: 'fixed', height: 1, width: 1 };
  }
}

const ruleKeys: Readonly<Record<SizeRule['rule'], string>> = {
  fixed: 'height and width',
  shortest_edge: 'shortest_edge',
  max_height_width: 'max_height and max_width',
};

/** The largest side of a picture, also of a recipe's `image_size`: a larger one asks for memory, not for a picture. */
const longestSide = 16_384;

const isSide = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) <= longestSide;

function sizeRule(value: unknown, numberIsSquare: boolean, maxSize: unknown): SizeRule | undefined {
  if (isSide(value)) {
    if (numberIsSquare) return { rule: 'fixed', height: value, width: value };
    return { rule: 'shortest_edge', shortest: value, ...(isSide(maxSize) ? { longest: maxSize } : {}) };
  }
  if (Array.isArray(value)) {
    const [height, width] = value as unknown[];
    return isSide(height) && isSide(width) ? { rule: 'fixed', height, width } : undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { height, width, shortest_edge, longest_edge, max_height, max_width } = value as Record<
    string,
    unknown
  >;
  if (isSide(height) && isSide(width)) return { rule: 'fixed', height, width };
  if (isSide(max_height) && isSide(max_width)) {
    return { rule: 'max_height_width', maxHeight: max_height, maxWidth: max_width };
  }
  if (!isSide(shortest_edge)) return undefined;
  const longest = longest_edge ?? maxSize ?? undefined;
  if (longest === undefined) return { rule: 'shortest_edge', shortest: shortest_edge };
  return isSide(longest) ? { rule: 'shortest_edge', shortest: shortest_edge, longest } : undefined;
}
