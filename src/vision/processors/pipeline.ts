/**
 * What every image processor does, in Hugging Face's order: resize, centre crop, rescale, normalise; then,
 * for a batch, pad right and bottom with zeros. Annotations follow the same way.
 */
import { type BoxXywh, ConfigError, type Raster, ShapeError, type Size } from '../../core/index.ts';
import { detectionLabels } from '../labels.ts';
import { padImages } from '../padding.ts';
import { applyTable, centerCrop, normalizationTable } from '../pixels.ts';
import { resize } from '../resize.ts';
import type {
  CocoImageAnnotations,
  ImageProcessor,
  PreprocessOptions,
  ProcessedBatch,
  ProcessedImage,
  ProcessorConfig,
} from '../types.ts';
import { warpBox } from '../warp-box.ts';
import { kindOf, type ProcessorKind } from './kinds.ts';
import { readSettings, type Settings } from './settings.ts';

/**
 * The processor that a `preprocessor_config.json` describes. Throws a ConfigError for an unknown
 * `image_processor_type` (it lists the known ones) and for wrong values (all of them at once).
 *
 *     const processor = createProcessor(JSON.parse(text));
 *     const { pixelValues, size } = processor.preprocess(raster);   // float32 [3, height, width]
 */
export function createProcessor(config: ProcessorConfig): ImageProcessor {
  const kind = kindOf(config);
  return new PipelineProcessor(config, kind, readSettings(config, kind));
}

class PipelineProcessor implements ImageProcessor {
  readonly type: string;
  private readonly table: Float32Array;

  constructor(
    readonly config: ProcessorConfig,
    private readonly kind: ProcessorKind,
    private readonly settings: Settings,
  ) {
    this.type = kind.type;
    const { doRescale, rescaleFactor, doNormalize, mean, std } = settings;
    this.table = normalizationTable({
      ...(doRescale ? { rescaleFactor } : {}),
      ...(doNormalize ? { mean, std } : {}),
    });
  }

  get pads(): boolean {
    return this.kind.detects && this.settings.doPad;
  }

  get hasPixelMask(): boolean {
    return this.pads && this.kind.masksPixels;
  }

  outputSize(size: Size): Size {
    return this.kind.cropSize(this.settings) ?? this.resizedSize(size);
  }

  transform(image: Raster, box?: BoxXywh): Raster {
    this.checkBox(box);
    const size = this.resizedSize(image);
    if (box) return this.settings.doAffineTransform ? warpBox(image, box, size, this.settings) : image;
    const resized = resize(image, size, this.settings.filter);
    const cropSize = this.kind.cropSize(this.settings);
    return cropSize ? centerCrop(resized, cropSize) : resized;
  }

  normalize(image: Raster, memory?: Float32Array): Float32Array {
    return applyTable(image, this.table, memory);
  }

  preprocess(image: Raster, annotations?: CocoImageAnnotations, options?: PreprocessOptions): ProcessedImage {
    const transformed = this.transform(image, options?.box);
    const size = { height: transformed.height, width: transformed.width };
    const originalSize = { height: image.height, width: image.width };
    const pixelValues = this.normalize(transformed, options?.memory);
    if (!annotations) return { pixelValues, size, originalSize };
    this.checkAnnotations();
    const { doConvertAnnotations } = this.settings;
    const labels = detectionLabels(annotations, originalSize, size, doConvertAnnotations, options);
    return { pixelValues, size, originalSize, labels };
  }

  collate(images: readonly ProcessedImage[], padTo?: Size): ProcessedBatch {
    const target = padTo ?? (this.pads ? this.settings.padSize : undefined);
    if (!target && !this.pads) requireOneSize(images, this.type);
    return padImages(images, { ...(target ? { size: target } : {}), pixelMask: this.hasPixelMask });
  }

  private resizedSize(size: Size): Size {
    return this.settings.doResize
      ? this.kind.resizedSize(size, this.settings)
      : { height: size.height, width: size.width };
  }

  private checkBox(box: BoxXywh | undefined): void {
    if (Boolean(box) === Boolean(this.kind.warpsBoxes)) return;
    throw new ConfigError({
      code: 'box_not_supported',
      expected: box ? 'a box only for a processor that looks at boxes' : 'the box to look at',
      received: box ? this.type : `none for ${this.type}`,
      fix: box ? 'leave the box out' : 'call preprocess once for each box of the picture, with { box }',
    });
  }

  private checkAnnotations(): void {
    if (this.kind.detects && this.settings.format === 'coco_detection') return;
    throw new ConfigError({
      code: 'annotations_not_supported',
      expected: 'COCO detection annotations only for a processor that makes detection labels from them',
      received: this.kind.detects ? `format=${this.settings.format}` : this.type,
      fix: this.kind.detects
        ? 'set format to coco_detection'
        : 'leave the annotations out, or use a detection model',
    });
  }
}

function requireOneSize(images: readonly ProcessedImage[], type: string): void {
  const first = images[0]?.size;
  const other = images.find(({ size }) => size.height !== first?.height || size.width !== first.width)?.size;
  if (!first || !other) return;
  throw new ShapeError({
    code: 'image_sizes_differ',
    expected: `images of one size, as ${type} does not pad here`,
    received: `${first.height} x ${first.width} and ${other.height} x ${other.width}`,
    fix: 'let the processor resize to a fixed size, or pad (do_pad) where it can',
  });
}
