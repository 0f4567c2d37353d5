/**
 * What a recipe says about the image processor, applied to a checkpoint's `preprocessor_config.json`.
 *
 *   image_size n        processors that keep the aspect ratio: `shortest_edge` n, `longest_edge` scaled alike;
 *                       processors with a crop: the crop is n and the size before it scales alike;
 *                       others: n × n
 *   image_size [h, w]   that fixed size; refused where a processor makes nothing but squares
 *   normalize_mean/std  count only for a model that is trained from scratch; the weights of a checkpoint were
 *                       made for its own values, so a difference is a warning
 */
import { ConfigError } from '../core/index.ts';
import { isDeepStrictEqual } from './equal.ts';
import type { Recipe } from './schema/index.ts';
import type { RecipeWarning } from './warnings.ts';

type Json = Readonly<Record<string, unknown>>;

export interface AdaptedProcessor {
  readonly config: Json;
  readonly warnings: readonly RecipeWarning[];
}

export function adaptProcessor(processor: Json, recipe: Pick<Recipe, 'model' | 'data'>): AdaptedProcessor {
  const warnings: RecipeWarning[] = [];
  let config = processor;
  if (recipe.model.image_size !== null) config = { ...config, ...sized(config, recipe.model.image_size) };
  for (const [key, field] of [
    ['normalize_mean', 'image_mean'],
    ['normalize_std', 'image_std'],
  ] as const) {
    const given = recipe.data[key];
    if (given === null || isDeepStrictEqual(given, config[field])) continue;
    if (!recipe.model.pretrained) {
      config = { ...config, [field]: given };
      continue;
    }
    warnings.push({
      code: 'processor_setting',
      message: `data.${key} (${given.join(', ')}) has no effect: the weights of ${recipe.model.model_name} were trained with ${JSON.stringify(config[field])}, which stays`,
    });
  }
  return { config, warnings };
}

const typeOf = (config: Json): string =>
  String(config.image_processor_type ?? config.feature_extractor_type ?? '');

function sized(config: Json, imageSize: number | readonly [number, number]): Json {
  const size = config.size;
  const unpadded = config.pad_size ? { pad_size: null } : {};
  if (typeof imageSize !== 'number') {
    const [height, width] = imageSize;
    const type = typeOf(config);
    if (/^ConvNext(ImageProcessor|FeatureExtractor)/.test(type)) {
      throw new ConfigError({
        code: 'image_size',
        expected: `one number for model.image_size: ${type} makes squares`,
        received: `[${height}, ${width}]`,
        fix: `write model.image_size: ${Math.max(height, width)}`,
      });
    }
    const cropped = config.do_center_crop === true ? { crop_size: { height, width } } : {};
    return { ...withoutMaximum(config), ...unpadded, ...cropped, size: { height, width } };
  }
  if (config.do_center_crop === true) return cropped(config, imageSize);
  // Files from before sizes were named: `size: 800, max_size: 1333`.
  if (typeof size === 'number' && typeof config.max_size === 'number') {
    return { ...unpadded, size: imageSize, max_size: Math.round((config.max_size * imageSize) / size) };
  }
  if (typeof size === 'number') return { ...unpadded, size: imageSize };
  return { ...unpadded, size: scaled(size as Json | null | undefined, config, imageSize) };
}

/** The processors that keep the aspect ratio when the file says nothing, with their original sizes. */
const ratioKeepers: Readonly<Record<string, Readonly<{ shortest_edge: number; longest_edge: number }>>> =
  Object.fromEntries(
    ['Detr', 'Yolos', 'ConditionalDetr', 'DeformableDetr', 'MaskFormer', 'Mask2Former'].flatMap((name) =>
      ['ImageProcessor', 'ImageProcessorFast', 'FeatureExtractor'].map((kind) => [
        name + kind,
        { shortest_edge: 800, longest_edge: 1333 },
      ]),
    ),
  );

function scaled(size: Json | null | undefined, config: Json, n: number): Json {
  const before: Json = size ?? ratioKeepers[typeOf(config)] ?? {};
  const {
    shortest_edge: shortest,
    longest_edge: longest,
    max_height: maxHeight,
    max_width: maxWidth,
  } = before;
  if (typeof shortest === 'number' && typeof longest === 'number') {
    return { shortest_edge: n, longest_edge: Math.round((longest * n) / shortest) };
  }
  if (typeof shortest === 'number') return { shortest_edge: n };
  if (typeof maxHeight === 'number' && typeof maxWidth === 'number') {
    const factor = n / Math.min(maxHeight, maxWidth);
    return { max_height: Math.round(maxHeight * factor), max_width: Math.round(maxWidth * factor) };
  }
  return { height: n, width: n };
}

/** The model sees the crop: the crop is n × n, and the size before it keeps its proportion to the crop. */
function cropped(config: Json, n: number): Json {
  const crop = config.crop_size as Json | number | undefined;
  const before = typeof crop === 'number' ? crop : Number(crop?.height ?? n);
  const scale = (value: unknown): number => Math.round((Number(value) * n) / before);
  const size = config.size as Json | number | undefined;
  const resized =
    typeof size === 'object' && size !== null
      ? Object.fromEntries(Object.entries(size).map(([key, value]) => [key, scale(value)]))
      : scale(size ?? before);
  return { size: resized, crop_size: { height: n, width: n } };
}

function withoutMaximum(config: Json): Json {
  return config.max_size === undefined ? {} : { max_size: null };
}
