/**
 * Writes the generated data set to a folder: splits of pictures of shapes, as COCO (boxes, polygons and RLE)
 * or as class folders. The same seed writes the same bytes.
 */
import { encodeImage } from '#platform';
import { ConfigError } from '../../core/index.ts';
import { openPlace } from '../../storage/index.ts';
import { toCoco } from '../convert.ts';
import { mapLimited } from '../picture-sizes.ts';
import { namesOf } from './outlines.ts';
import { sampleCategories, sampleDefaults, sampleImages } from './place.ts';
import { drawShapes } from './shapes.ts';

export interface GenerateOptions {
  /** The folder to write to: a local path or another place. */
  readonly out: string;
  readonly seed?: number;
  /** Pictures per split; the splits have different seeds. */
  readonly images?: { readonly train: number; readonly val: number; readonly test?: number };
  /** Height and width in pixels, 16–2048. */
  readonly size?: number;
  /** 2–5. */
  readonly classes?: number;
  /** At most this many shapes in a picture; 1 makes it a classification set. */
  readonly objects?: number;
  readonly layout?: 'coco' | 'folder';
  readonly signal?: AbortSignal;
}

export interface GeneratedDataset {
  /** As keys of a recipe's `data` section. */
  readonly paths: Readonly<Record<string, string>>;
  readonly classes: readonly string[];
  readonly images: number;
}

const shapeNames = namesOf('shapes');

export async function generateSampleDataset(options: GenerateOptions): Promise<GeneratedDataset> {
  const { layout = 'coco', signal } = options;
  const shapes = {
    size: options.size ?? sampleDefaults.size,
    classes: options.classes ?? sampleDefaults.classes,
    objects: options.objects ?? 1,
  };
  refuseOutOfRange(shapes, layout);
  const seed = options.seed ?? sampleDefaults.seed;
  const images = options.images ?? { train: 1200, val: 300 };
  const { volume, path } = await openPlace(options.out, { as: 'folder' });
  const base = path === '' ? '' : `${path}/`;
  const paths: Record<string, string> = {};
  let total = 0;
  for (const [position, [split, count]] of Object.entries(images).entries()) {
    const drawn = { ...shapes, seed: seed * 3 + position };
    const records = await sampleImages({ ...drawn, images: count }, signal);
    const fileNames = records.map(({ fileName, annotations }) =>
      layout === 'coco' ? fileName : `${shapeNames[annotations[0]!.categoryId - 1]}/${fileName}`,
    );
    await mapLimited(fileNames, 8, async (fileName, index) => {
      const picture = await encodeImage(drawShapes(index, drawn), 'png');
      await volume.write(`${base}${split}/${fileName}`, picture, signal ? { signal } : {});
    });
    const place = `${options.out.replace(/\/+$/, '')}/${split}`;
    paths[`${split}_data_path`] = place;
    if (layout === 'coco') {
      const coco = toCoco({ categories: sampleCategories(drawn), images: records });
      await volume.write(`${base}${split}/annotations.json`, JSON.stringify(coco));
      paths[`${split}_annotation_file`] = `${place}/annotations.json`;
    }
    total += count;
  }
  return { paths, classes: shapeNames.slice(0, shapes.classes), images: total };
}

function refuseOutOfRange(
  { size, classes, objects }: { size: number; classes: number; objects: number },
  layout: 'coco' | 'folder',
): void {
  const whole = (value: number, low: number, high: number): boolean =>
    Number.isInteger(value) && value >= low && value <= high;
  const problems = [
    ...(whole(size, 16, 2048) ? [] : [`size=${size}: a whole number from 16 to 2048`]),
    ...(whole(classes, 2, shapeNames.length) ? [] : [`classes=${classes}: from 2 to ${shapeNames.length}`]),
    ...(whole(objects, 1, 20) ? [] : [`objects=${objects}: from 1 to 20`]),
    ...(layout === 'folder' && objects > 1 ? ['layout=folder: needs objects=1, one class per picture'] : []),
  ];
  if (problems.length === 0) return;
  throw new ConfigError({
    code: 'sample_options_invalid',
    expected: 'options of the generated data set in their ranges',
    received: `${problems.length} that are not`,
    fix: 'correct them',
    problems,
  });
}
