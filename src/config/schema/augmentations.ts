/**
 * `data.augmentations`: what is done to a training picture and its boxes before the processor, in the order in
 * which the recipe lists it. Short forms (`horizontal_flip: true`, `rotation: 15`) and long ones
 * (`rotation: { degrees: 15, p: 0.3 }`) mean the same; `p` is the probability that the step is applied.
 */
import { z } from 'zod';

const p = z.number().min(0).max(1).default(0.5).describe('Probability that it is applied, 0 to 1');
const share = z.number().min(0).max(1);
const turns = z.number().min(0).max(0.5);
const positive = z.number().positive();

const pair = (description: string) =>
  z.tuple([positive, positive], { error: 'expected two numbers, [low, high]' }).describe(description);

/** A union whose message names the forms, or, when a section was given, its keys and their ranges. */
function forms<const Options extends readonly [z.ZodType, ...z.ZodType[]]>(
  options: Options,
  short: string,
  keys: string,
): z.ZodUnion<Options> {
  return z.union(options, {
    error: (issue) =>
      isObject(issue.input)
        ? `expected only these keys: ${keys}`
        : `expected ${short} or { ${keys.replace(/ \([^)]*\)/g, '')} }`,
  });
}

const flip = forms([z.boolean(), z.strictObject({ p })], 'true, false', 'p (0 to 1)');

/** One entry per step; the order of the keys in the recipe is the order of the steps. */
export const augmentationsSchema = z.strictObject({
  horizontal_flip: flip.optional().describe('Mirror left and right. true, false or { p }'),
  vertical_flip: flip.optional().describe('Mirror top and bottom. true, false or { p }'),
  rotation: forms(
    [z.boolean(), z.number().min(0).max(180), z.strictObject({ degrees: z.number().min(0).max(180), p })],
    'degrees from 0 to 180, true, false',
    'degrees (0 to 180), p (0 to 1)',
  )
    .optional()
    .describe('Rotate by an angle uniform in ± degrees. A number, true (15), false or { degrees, p }'),
  color_jitter: forms(
    [
      z.literal(false),
      z.strictObject({
        brightness: share.default(0).describe('Factor uniform in 1 ± x'),
        contrast: share.default(0).describe('Factor uniform in 1 ± x'),
        saturation: share.default(0).describe('Factor uniform in 1 ± x'),
        hue: turns.default(0).describe('Shift uniform in ± x turns'),
        p,
      }),
    ],
    'false',
    'brightness (0 to 1), contrast (0 to 1), saturation (0 to 1), hue (0 to 0.5), p (0 to 1)',
  )
    .optional()
    .describe('Change brightness, contrast and saturation by factors in 1 ± x, hue by ± x turns'),
  random_crop: forms(
    [
      z.boolean(),
      pair('Share of the area that is kept'),
      z.strictObject({ area: pair('Share of the area that is kept').default([0.8, 1]), p }),
    ],
    'true, false, [low, high]',
    'area ([0.8, 1]), p (0 to 1)',
  )
    .optional()
    .describe(
      'Keep a random part of the picture, 0.8 to 1 of its area. true, false, [low, high] or { area, p }',
    ),
  random_resize: forms(
    [
      z.boolean(),
      pair('Factor on both sides'),
      z.strictObject({ scale: pair('Factor on both sides').default([0.8, 1.2]), p }),
    ],
    '[low, high], true, false',
    'scale ([0.8, 1.2]), p (0 to 1)',
  )
    .optional()
    .describe('Scale the picture by a factor between low and high. [low, high], true, false or { scale, p }'),
  brightness_contrast: forms(
    [z.boolean(), share, z.strictObject({ brightness: share.default(0.2), contrast: share.default(0.2), p })],
    'a number from 0 to 1, true, false',
    'brightness (0 to 1), contrast (0 to 1), p (0 to 1)',
  )
    .optional()
    .describe(
      'Brightness and contrast by factors in 1 ± x. A number, true (0.2), false or { brightness, contrast, p }',
    ),
  hue_saturation: forms(
    [z.boolean(), turns, z.strictObject({ hue: turns.default(0.1), saturation: share.default(0.1), p })],
    'a number from 0 to 0.5, true, false',
    'hue (0 to 0.5), saturation (0 to 1), p (0 to 1)',
  )
    .optional()
    .describe(
      'Hue by ± x turns, saturation by a factor in 1 ± x. A number, true (0.1), false or { hue, saturation, p }',
    ),
  random_erasing: forms(
    [
      z.boolean(),
      z.strictObject({
        area: pair('Share of the area that is erased').default([0.02, 0.33]),
        ratio: pair('Aspect ratio of the rectangle').default([0.3, 3.3]),
        p,
      }),
    ],
    'true, false',
    'area ([0.02, 0.33]), ratio ([0.3, 3.3]), p (0 to 1)',
  )
    .optional()
    .describe("Paint a random rectangle with the picture's mean colour. true, false or { area, ratio, p }"),
});

export type AugmentationSettings = z.output<typeof augmentationsSchema>;

/** Low and high end, both included. */
export type Range = readonly [low: number, high: number];

/** Colour factors are drawn from 1 ± x; hue moves by ± x turns of the colour circle. */
export interface ColorRanges {
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  readonly hue: number;
}

/** A step with everything said, as data/augment carries it out; `p` is the probability that it is applied to a picture. */
export type Augmentation = { readonly p: number } & (
  | { readonly type: 'horizontal_flip' | 'vertical_flip' }
  /** Around the centre by an angle from ± degrees; the size stays, corners become black. */
  | { readonly type: 'rotation'; readonly degrees: number }
  | ({ readonly type: 'color_jitter' | 'brightness_contrast' | 'hue_saturation' } & ColorRanges)
  /** Keeps a share of the area from this range; position and shape vary. */
  | { readonly type: 'random_crop'; readonly area: Range }
  /** Both sides times a factor from this range. */
  | { readonly type: 'random_resize'; readonly scale: Range }
  /** A rectangle of that share of the area and that aspect ratio takes the picture's mean colour. */
  | { readonly type: 'random_erasing'; readonly area: Range; readonly ratio: Range }
);

export type AugmentationName = Augmentation['type'];

const usual = { p: 0.5 };
const still: ColorRanges = { brightness: 0, contrast: 0, saturation: 0, hue: 0 };

/** The steps that are on, in the order of `order` (the keys as the recipe gives them). */
export function resolveAugmentations(
  settings: AugmentationSettings,
  order: readonly string[],
): readonly Augmentation[] {
  const known = Object.keys(augmentationsSchema.shape) as AugmentationName[];
  const position = (name: string): number => {
    const index = order.indexOf(name);
    return index < 0 ? order.length : index;
  };
  return known.sort((a, b) => position(a) - position(b)).flatMap((name) => resolveOne(name, settings) ?? []);
}

function resolveOne(type: AugmentationName, settings: AugmentationSettings): Augmentation | undefined {
  const value = settings[type];
  if (value === undefined || value === false || value === 0) return undefined;
  switch (type) {
    case 'horizontal_flip':
    case 'vertical_flip':
      return { type, ...long(settings[type], usual) };
    case 'rotation':
      return nonZero({ type, ...long(settings.rotation, { degrees: 15, ...usual }, 'degrees') });
    case 'color_jitter':
      return { type, ...still, ...long(settings.color_jitter, usual) };
    case 'brightness_contrast': {
      const both = settings.brightness_contrast;
      const short = typeof both === 'number' ? { brightness: both, contrast: both } : {};
      return { type, ...still, brightness: 0.2, contrast: 0.2, ...usual, ...short, ...object(both) };
    }
    case 'hue_saturation': {
      const both = settings.hue_saturation;
      const short = typeof both === 'number' ? { hue: both, saturation: both } : {};
      return { type, ...still, hue: 0.1, saturation: 0.1, ...usual, ...short, ...object(both) };
    }
    case 'random_crop':
      return { type, area: [0.8, 1], ...usual, ...range(settings.random_crop, 'area') };
    case 'random_resize':
      return { type, scale: [0.8, 1.2], ...usual, ...range(settings.random_resize, 'scale') };
    case 'random_erasing':
      return { type, area: [0.02, 0.33], ratio: [0.3, 3.3], ...usual, ...object(settings.random_erasing) };
  }
}

/** A step in the form that a recipe has: without its name and without what is not its own. */
export function plainAugmentation(augmentation: Augmentation): Readonly<Record<string, unknown>> {
  const { type, ...rest } = augmentation;
  if (type === 'brightness_contrast' || type === 'hue_saturation') {
    const kept = [...type.split('_'), 'p'];
    return Object.fromEntries(Object.entries(rest).filter(([key]) => kept.includes(key)));
  }
  return rest;
}

type Given<Value> = Exclude<Extract<Value, object>, readonly unknown[]>;

/** `true` and short forms over the defaults, long forms whole. */
function long<Value, Defaults extends object>(
  value: Value,
  defaults: Defaults,
  key?: string,
): Defaults & Given<Value> {
  const short = key !== undefined && typeof value === 'number' ? { [key]: value } : {};
  return { ...defaults, ...short, ...object(value) } as Defaults & Given<Value>;
}

function object<Value>(value: Value): Partial<Given<Value>> {
  return isObject(value) ? (value as Given<Value>) : {};
}

function range<Key extends string>(value: unknown, key: Key): Partial<Record<Key, Range>> {
  const fields: unknown = Array.isArray(value) ? { [key]: value } : object(value);
  return fields as Partial<Record<Key, Range>>;
}

function nonZero<Step extends { readonly degrees: number }>(step: Step): Step | undefined {
  return step.degrees > 0 ? step : undefined;
}

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
