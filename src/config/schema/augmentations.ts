/**
 * `data.augmentations`: what is done to a training picture and its boxes before the processor, in the order in
 * which the recipe lists it. Short forms (`horizontal_flip: true`, `rotation: 15`) and long ones
 * (`rotation: { degrees: 15, p: 0.3 }`) mean the same; `p` is the probability that the step is applied.
 */
import { z } from 'zod';

const p = z.number().min(0).max(1).default(0.5).describe('Probability that it is applied, 0 to 1');
const jitter = z.number().min(0).max(1).default(0);
const scale = (low: number, high: number) =>
  z
    .tuple([z.number().positive(), z.number().positive()], { error: 'expected two numbers, [low, high]' })
    .default([low, high])
    .describe('Uniform between these two');

const flip = z.union([z.boolean(), z.strictObject({ p })], {
  error: 'expected true, false or { p: 0.5 }',
});

/** One entry per step; the order of the keys in the recipe is the order of the steps. */
export const augmentationsSchema = z.strictObject({
  horizontal_flip: flip.optional().describe('Mirror left and right. true, false or { p }'),
  vertical_flip: flip.optional().describe('Mirror top and bottom. true, false or { p }'),
  rotation: z
    .union(
      [
        z.literal(false),
        z.number().min(0).max(180),
        z.strictObject({ degrees: z.number().min(0).max(180), p }),
      ],
      { error: 'expected degrees from 0 to 180, false or { degrees: 15, p: 0.5 }' },
    )
    .optional()
    .describe('Rotate by an angle uniform in ± degrees. A number, false or { degrees, p }'),
  color_jitter: z
    .union(
      [
        z.literal(false),
        z.strictObject({
          brightness: jitter.describe('Factor uniform in 1 ± x'),
          contrast: jitter.describe('Factor uniform in 1 ± x'),
          saturation: jitter.describe('Factor uniform in 1 ± x'),
          hue: z.number().min(0).max(0.5).default(0).describe('Shift uniform in ± x turns'),
          p,
        }),
      ],
      {
        error: (issue) =>
          isObject(issue.input)
            ? 'expected numbers for brightness, contrast, saturation (0 to 1), hue (0 to 0.5) and p (0 to 1), and no other key'
            : 'expected { brightness, contrast, saturation, hue, p } or false',
      },
    )
    .optional()
    .describe('Change brightness, contrast and saturation by factors in 1 ± x, hue by ± x turns'),
  random_crop: z
    .union([z.boolean(), z.strictObject({ scale: scale(0.8, 1), p })], {
      error: 'expected true, false or { scale: [0.8, 1.0], p: 0.5 }',
    })
    .optional()
    .describe('Keep a random part of the picture, `scale` of its area. true, false or { scale, p }'),
  random_resize: z
    .union(
      [
        z.boolean(),
        z.tuple([z.number().positive(), z.number().positive()]),
        z.strictObject({ scale: scale(0.8, 1.2), p }),
      ],
      { error: 'expected [low, high], true, false or { scale: [0.8, 1.2], p: 0.5 }' },
    )
    .optional()
    .describe('Scale the picture by a factor between low and high. [low, high], true, false or { scale, p }'),
  brightness_contrast: z
    .union(
      [
        z.literal(false),
        z.number().min(0).max(1),
        z.strictObject({ brightness: jitter, contrast: jitter, p }),
      ],
      { error: 'expected a number from 0 to 1, false or { brightness: 0.2, contrast: 0.2, p: 0.5 }' },
    )
    .optional()
    .describe(
      'Brightness and contrast factors uniform in 1 ± x. A number, false or { brightness, contrast, p }',
    ),
  hue_saturation: z
    .union(
      [
        z.literal(false),
        z.number().min(0).max(0.5),
        z.strictObject({ hue: z.number().min(0).max(0.5).default(0), saturation: jitter, p }),
      ],
      { error: 'expected a number from 0 to 0.5, false or { hue: 0.1, saturation: 0.1, p: 0.5 }' },
    )
    .optional()
    .describe('Hue by ± x turns, saturation by a factor in 1 ± x. A number, false or { hue, saturation, p }'),
});

export type AugmentationSettings = z.output<typeof augmentationsSchema>;

/** A step with everything said. Factors are uniform in 1 ± x, `hue` in ± x turns, `degrees` in ± degrees. */
export type Augmentation =
  | { readonly name: 'horizontal_flip' | 'vertical_flip'; readonly p: number }
  | { readonly name: 'rotation'; readonly degrees: number; readonly p: number }
  | {
      readonly name: 'color_jitter';
      readonly brightness: number;
      readonly contrast: number;
      readonly saturation: number;
      readonly hue: number;
      readonly p: number;
    }
  | { readonly name: 'random_crop'; readonly scale: readonly [number, number]; readonly p: number }
  | { readonly name: 'random_resize'; readonly scale: readonly [number, number]; readonly p: number }
  | {
      readonly name: 'brightness_contrast';
      readonly brightness: number;
      readonly contrast: number;
      readonly p: number;
    }
  | {
      readonly name: 'hue_saturation';
      readonly hue: number;
      readonly saturation: number;
      readonly p: number;
    };

export type AugmentationName = Augmentation['name'];

const usual = 0.5;

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
  return known
    .toSorted((a, b) => position(a) - position(b))
    .flatMap((name) => resolveOne(name, settings) ?? []);
}

function resolveOne(name: AugmentationName, settings: AugmentationSettings): Augmentation | undefined {
  switch (name) {
    case 'horizontal_flip':
    case 'vertical_flip': {
      const value = settings[name];
      return value ? { name, p: value === true ? usual : value.p } : undefined;
    }
    case 'rotation': {
      const value = settings.rotation;
      if (!value) return undefined;
      const full = typeof value === 'number' ? { degrees: value, p: usual } : value;
      return full.degrees > 0 ? { name, ...full } : undefined;
    }
    case 'color_jitter': {
      const value = settings.color_jitter;
      return value ? { name, ...value } : undefined;
    }
    case 'random_crop': {
      const value = settings.random_crop;
      return value ? { name, ...(value === true ? { scale: [0.8, 1], p: usual } : value) } : undefined;
    }
    case 'random_resize': {
      const value = settings.random_resize;
      if (!value) return undefined;
      if (value === true) return { name, scale: [0.8, 1.2], p: usual };
      return Array.isArray(value) ? { name, scale: value, p: usual } : { name, ...value };
    }
    case 'brightness_contrast': {
      const value = settings.brightness_contrast;
      if (!value) return undefined;
      return typeof value === 'number'
        ? { name, brightness: value, contrast: value, p: usual }
        : { name, ...value };
    }
    case 'hue_saturation': {
      const value = settings.hue_saturation;
      if (!value) return undefined;
      return typeof value === 'number'
        ? { name, hue: value, saturation: value, p: usual }
        : { name, ...value };
    }
  }
}

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
