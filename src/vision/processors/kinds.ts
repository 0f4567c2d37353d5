/**
 * The image processors that are known, one row each: how an image gets its size, and Hugging Face's defaults
 * for keys that a `preprocessor_config.json` leaves out. What happens then is the same for all (pipeline.ts).
 *
 * A plugin adds a row with `registerProcessor`.
 */
import { ConfigError, type Size } from '../../core/index.ts';
import { convnextSize, detrSize, maxHeightWidthSize, shortestEdgeSize, yolosSize } from '../sizes.ts';
import type { ProcessorConfig } from '../types.ts';
import type { Settings, SizeRule } from './settings.ts';

export interface ProcessorKind {
  /** The class in Hugging Face's library. */
  readonly type: string;
  /** Other names in files: the feature extractor of older ones, the fast twin of newer ones. */
  readonly aliases: readonly string[];
  readonly defaults: ProcessorConfig;
  /** What a plain number in `size` means: a square, or the shortest edge. */
  readonly numberIsSquare: boolean;
  readonly rules: readonly SizeRule['rule'][];
  /** The size to resize to. */
  resizedSize(size: Size, settings: Settings): Size;
  /** The centre crop after the resize, if any. */
  cropSize(settings: Settings): Size | undefined;
  /** Takes COCO annotations and makes detection labels. */
  readonly detects: boolean;
  /** Returns a `pixel_mask` when it pads. */
  readonly masksPixels: boolean;
  /** Looks at one box of the picture at a time (poses): warped to the size, instead of a resize. */
  readonly warpsBoxes?: boolean;
}

const imagenetMean = [0.485, 0.456, 0.406];
const imagenetStd = [0.229, 0.224, 0.225];
const halves = [0.5, 0.5, 0.5];
const clipMean = [0.48145466, 0.4578275, 0.40821073];
const clipStd = [0.26862954, 0.26130258, 0.27577711];

/** Fixed sizes, shortest edges and frames, as image classification processors read them. */
function plainSize(size: Size, { size: rule }: Settings): Size {
  if (rule.rule === 'fixed') return { height: rule.height, width: rule.width };
  if (rule.rule === 'max_height_width') return maxHeightWidthSize(size, rule.maxHeight, rule.maxWidth);
  return shortestEdgeSize(size, rule.shortest, rule.longest);
}

function detrResizedSize(size: Size, settings: Settings): Size {
  const { size: rule } = settings;
  return rule.rule === 'shortest_edge'
    ? detrSize(size, rule.shortest, rule.longest)
    : plainSize(size, settings);
}

const cropIfAsked = ({ doCenterCrop, cropSize }: Settings): Size | undefined =>
  doCenterCrop ? cropSize : undefined;

/** What the rows of classifiers share. */
const classifier = {
  resizedSize: plainSize,
  cropSize: cropIfAsked,
  detects: false,
  masksPixels: false,
} as const;

const detr: ProcessorKind = {
  type: 'DetrImageProcessor',
  aliases: ['DetrFeatureExtractor', 'DetrImageProcessorFast'],
  defaults: {
    size: { shortest_edge: 800, longest_edge: 1333 },
    resample: 2,
    image_mean: imagenetMean,
    image_std: imagenetStd,
    do_pad: true,
  },
  numberIsSquare: false,
  rules: ['shortest_edge', 'fixed', 'max_height_width'],
  resizedSize: detrResizedSize,
  cropSize: () => undefined,
  detects: true,
  masksPixels: true,
};

const builtIn: readonly ProcessorKind[] = [
  {
    ...classifier,
    type: 'ViTImageProcessor',
    aliases: ['ViTFeatureExtractor', 'ViTImageProcessorFast'],
    defaults: { size: { height: 224, width: 224 }, resample: 2, image_mean: halves, image_std: halves },
    numberIsSquare: true,
    rules: ['fixed'],
    cropSize: () => undefined,
  },
  {
    ...classifier,
    type: 'DeiTImageProcessor',
    aliases: ['DeiTFeatureExtractor', 'DeiTImageProcessorFast'],
    defaults: {
      size: { height: 256, width: 256 },
      resample: 3,
      do_center_crop: true,
      crop_size: { height: 224, width: 224 },
      image_mean: halves,
      image_std: halves,
    },
    numberIsSquare: true,
    rules: ['fixed'],
  },
  {
    ...classifier,
    type: 'ConvNextImageProcessor',
    aliases: ['ConvNextFeatureExtractor', 'ConvNextImageProcessorFast'],
    defaults: { size: { shortest_edge: 384 }, resample: 2, image_mean: halves, image_std: halves },
    numberIsSquare: false,
    rules: ['shortest_edge'],
    resizedSize: (size, { size: rule, cropPct }) => convnextSize(size, shortestOf(rule), cropPct),
    cropSize: ({ doResize, size: rule }) => {
      const side = shortestOf(rule);
      return doResize && side < 384 ? { height: side, width: side } : undefined;
    },
  },
  {
    ...classifier,
    type: 'BitImageProcessor',
    aliases: ['BitImageProcessorFast'],
    defaults: {
      size: { shortest_edge: 224 },
      resample: 3,
      do_center_crop: true,
      crop_size: { height: 224, width: 224 },
      image_mean: clipMean,
      image_std: clipStd,
    },
    numberIsSquare: false,
    rules: ['shortest_edge', 'fixed'],
  },
  {
    ...classifier,
    type: 'MobileNetV2ImageProcessor',
    aliases: ['MobileNetV2FeatureExtractor', 'MobileNetV2ImageProcessorFast'],
    defaults: {
      size: { shortest_edge: 256 },
      resample: 2,
      do_center_crop: true,
      crop_size: { height: 224, width: 224 },
      image_mean: halves,
      image_std: halves,
    },
    numberIsSquare: false,
    rules: ['shortest_edge', 'fixed'],
  },
  {
    ...classifier,
    type: 'VitPoseImageProcessor',
    aliases: ['VitPoseImageProcessorFast'],
    defaults: {
      size: { height: 256, width: 192 },
      resample: 2,
      image_mean: imagenetMean,
      image_std: imagenetStd,
    },
    numberIsSquare: true,
    rules: ['fixed'],
    cropSize: () => undefined,
    warpsBoxes: true,
  },
  detr,
  {
    ...detr,
    type: 'ConditionalDetrImageProcessor',
    aliases: ['ConditionalDetrFeatureExtractor', 'ConditionalDetrImageProcessorFast'],
  },
  {
    ...detr,
    type: 'DeformableDetrImageProcessor',
    aliases: ['DeformableDetrFeatureExtractor', 'DeformableDetrImageProcessorFast'],
  },
  {
    ...detr,
    type: 'RTDetrImageProcessor',
    aliases: ['RTDetrImageProcessorFast'],
    defaults: {
      ...detr.defaults,
      size: { height: 640, width: 640 },
      do_normalize: false,
      do_convert_annotations: true,
      do_pad: false,
    },
  },
  {
    ...detr,
    type: 'YolosImageProcessor',
    aliases: ['YolosFeatureExtractor', 'YolosImageProcessorFast'],
    resizedSize: (size, settings) =>
      settings.size.rule === 'shortest_edge'
        ? yolosSize(size, settings.size.shortest, settings.size.longest)
        : plainSize(size, settings),
    masksPixels: false,
  },
];

const shortestOf = (rule: SizeRule): number =>
  rule.rule === 'shortest_edge' ? rule.shortest : rule.rule === 'fixed' ? rule.height : rule.maxHeight;

const namesOf = (kind: ProcessorKind): string[] => [kind.type, ...kind.aliases];

const kinds = new Map(builtIn.flatMap((kind) => namesOf(kind).map((name) => [name, kind] as const)));

/** Adds a processor, or replaces the one of that name. */
export function registerProcessor(kind: ProcessorKind): void {
  for (const name of namesOf(kind)) kinds.set(name, kind);
}

/** The class names that `createProcessor` knows. */
export function processorTypes(): string[] {
  return [...new Set([...kinds.values()].map((kind) => kind.type))].sort();
}

/** The row for `image_processor_type` or, in older files, `feature_extractor_type`. */
export function kindOf(config: ProcessorConfig): ProcessorKind {
  const name = config.image_processor_type ?? config.feature_extractor_type;
  const kind = typeof name === 'string' ? kinds.get(name) : undefined;
  if (kind) return kind;
  throw new ConfigError({
    code: 'unknown_image_processor',
    expected: `image_processor_type to be one of ${processorTypes().join(', ')}`,
    received:
      name === undefined
        ? 'a preprocessor_config.json without image_processor_type'
        : `image_processor_type=${String(name)}`,
    fix: 'use a checkpoint of a known family, or write the type of its processor into preprocessor_config.json',
  });
}
