/**
 * Generated samples as a place: `sample:shapes?images=1200&seed=1`. Nothing is written anywhere; a picture is
 * drawn when it is read. Options: `images`, `seed`, `size` (pixels), `classes` (2–5), `objects` (at most so
 * many shapes in a picture; left out: 1 for classification, 3 where boxes are asked for). `sample:figures` has other
 * classes (24 of them): what the shipped model was trained on, so that the shapes are new to it.
 */
import { encodeImage } from '#platform';
import { type Category, ConfigError } from '../../core/index.ts';
import { areaOf, polygonsToRuns, runsToRle, type Segmentation } from '../../formats/rle/index.ts';
import type { ByteSource } from '../../storage/index.ts';
import type { RawDataset, RawImage } from '../raw.ts';
import type { Annotation } from '../types.ts';
import { namesOf, sampleSets } from './outlines.ts';
import { drawShapes, placeShapes, type ShapesOptions } from './shapes.ts';

export interface SampleOptions extends ShapesOptions {
  readonly images: number;
}

export const sampleDefaults = { images: 1200, seed: 1, size: 64, classes: 4, objects: 1 } as const;

const ranges: Readonly<Record<Exclude<keyof SampleOptions, 'set'>, readonly [low: number, high: number]>> = {
  images: [1, 1_000_000],
  seed: [0, Number.MAX_SAFE_INTEGER],
  size: [16, 2048],
  classes: [2, namesOf('figures').length],
  objects: [1, 20],
};

export function isSamplePlace(place: string): boolean {
  return place.startsWith('sample:');
}

export async function readSampleDataset(
  place: string,
  needsBoxes: boolean,
  signal?: AbortSignal,
): Promise<RawDataset> {
  const options = parseSamplePlace(place, needsBoxes);
  return {
    source: place,
    format: 'sample',
    categories: sampleCategories(options),
    images: await sampleImages(options, signal),
    hasBoxes: true,
    open: (fileName) => pictureSource(fileName, options),
  };
}

/** How long others may have to wait for us: who presses Ctrl-C, or a page. In milliseconds. */
const patience = 50;

/** What is in all pictures. A million take minutes, so now and then others get their turn. */
export async function sampleImages(options: SampleOptions, signal?: AbortSignal): Promise<RawImage[]> {
  const images: RawImage[] = [];
  let rested = performance.now();
  for (let index = 0; index < options.images; index++) {
    images.push(sampleImage(index, options));
    if (performance.now() - rested < patience) continue;
    await new Promise((done) => setTimeout(done));
    signal?.throwIfAborted();
    rested = performance.now();
  }
  return images;
}

/** Throws a ConfigError that names every option that is unknown or out of range. */
export function parseSamplePlace(place: string, needsBoxes = false): SampleOptions {
  const [kind, query = ''] = place.slice('sample:'.length).split('?', 2);
  const problems: string[] = [];
  const set = sampleSets.find((name) => name === kind);
  if (!set) problems.push(`sample:${kind}: generated data sets are sample:${sampleSets.join(', sample:')}`);
  const limits = { ...ranges, classes: [2, namesOf(set ?? 'figures').length] as const };
  const options: Record<string, number> = {
    ...sampleDefaults,
    ...(set === 'figures' ? { classes: limits.classes[1] } : {}),
    objects: needsBoxes ? 3 : 1,
  };
  for (const [key, text] of new URLSearchParams(query)) {
    const range = Object.hasOwn(limits, key) ? limits[key as keyof typeof limits] : undefined;
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!range) problems.push(`${key}: known options are ${Object.keys(ranges).join(', ')}`);
    else if (!Number.isInteger(value) || value < range[0] || value > range[1]) {
      problems.push(`${key}=${text}: a whole number from ${range[0]} to ${range[1]}`);
    } else options[key] = value;
  }
  if (problems.length > 0) {
    throw new ConfigError({
      code: 'sample_place_invalid',
      expected: 'generated samples such as sample:shapes?images=1200&seed=1',
      received: place,
      fix: 'correct the options',
      problems,
    });
  }
  return { ...(options as unknown as SampleOptions), set: set! };
}

export function sampleCategories({ classes, set = 'shapes' }: ShapesOptions): Category[] {
  const supercategory = set.replace(/s$/, '');
  return namesOf(set)
    .slice(0, classes)
    .map((name, label) => ({ id: label + 1, name, supercategory }));
}

/** The record of one picture. Every third object has its mask as RLE, the others as a polygon. */
function sampleImage(index: number, options: ShapesOptions): RawImage {
  const { size } = options;
  const annotations = placeShapes(index, options).map(({ label, polygon, bbox }, position): Annotation => {
    const id = index * options.objects + position + 1;
    const runs = polygonsToRuns([polygon], { height: size, width: size });
    const segmentation: Segmentation = id % 3 === 0 ? runsToRle(runs) : [polygon];
    return { id, categoryId: label + 1, bbox, area: areaOf(runs), iscrowd: false, segmentation };
  });
  const fileName = `${String(index).padStart(6, '0')}.png`;
  return { id: index + 1, fileName, height: size, width: size, annotations, categoryIds: [] };
}

export function pictureSource(fileName: string, options: SampleOptions): ByteSource {
  const whole = (): Promise<Uint8Array> =>
    encodeImage(drawShapes(Number.parseInt(fileName, 10), options), 'png');
  const { images, seed, size, classes, objects, set = 'shapes' } = options;
  return {
    path: fileName,
    elsewhere: {
      place: `sample:${set}?images=${images}&seed=${seed}&size=${size}&classes=${classes}&objects=${objects}`,
      path: fileName,
    },
    size: async () => (await whole()).length,
    read: async (range, signal) => {
      signal?.throwIfAborted();
      const bytes = await whole();
      return range ? bytes.slice(range.start, range.end) : bytes;
    },
  };
}
