/**
 * In which order an epoch visits the images: a pure function of seed and epoch, so that a checkpoint needs a
 * cursor and no state.
 *
 * `weighted` draws with replacement, rare classes more often. An image weighs 1 / frequency of its class;
 * with several classes (detection, multi-label) the square root of that for the rarest one, after the
 * repeat-factor sampling of LVIS (Gupta et al. 2019), because common classes come along in the same picture.
 */
import { derive, permutation, type Random } from '../core/index.ts';
import { localShuffle } from './streaming/local-shuffle.ts';
import type { Dataset, ImageRecord } from './types.ts';

/** `sequential` is the order of the file, for evaluation. */
export type SamplerKind = 'sequential' | 'shuffle' | 'weighted';

export type EpochOrder = (epoch: number) => Uint32Array;

/** Record numbers in the order of an epoch; always as many as there are records. */
export function createSampler(
  kind: SamplerKind,
  dataset: Pick<Dataset, 'records' | 'classes' | 'locate'>,
  seed: number,
): EpochOrder {
  const { length } = dataset.records;
  if (kind === 'sequential') return () => Uint32Array.from({ length }, (_, i) => i);
  const local = kind === 'shuffle' ? localShuffle(dataset, seed) : undefined;
  if (local) return (epoch) => local.epoch(epoch).order;
  if (kind === 'shuffle') return (epoch) => permutation(length, derive(seed, 'order', epoch));
  const sums = cumulative(imageWeights(dataset));
  return (epoch) => {
    const random = derive(seed, 'order', epoch);
    return Uint32Array.from({ length }, () => draw(sums, random));
  };
}

/** How often an image is drawn by `weighted`, relative to the others; images without objects weigh as the commonest. */
export function imageWeights({ records, classes }: Pick<Dataset, 'records' | 'classes'>): Float64Array {
  const labels = records.map((record) => labelsOf(record, classes.labelOf.bind(classes)));
  const counts = new Float64Array(classes.size);
  for (const set of labels) for (const label of set) counts[label]!++;
  const single = labels.every((set) => set.size <= 1);
  const weights = Float64Array.from(labels, (set) => {
    if (set.size === 0) return 0;
    const rarest = Math.min(...Array.from(set, (label) => counts[label]!));
    return single ? 1 / rarest : Math.sqrt(1 / rarest);
  });
  const least = weights.reduce((low, weight) => (weight > 0 ? Math.min(low, weight) : low), Infinity);
  return weights.map((weight) => (weight > 0 ? weight : Number.isFinite(least) ? least : 1));
}

function labelsOf(
  { labels, annotations }: ImageRecord,
  labelOf: (categoryId: number) => number | undefined,
): ReadonlySet<number> {
  if (labels.length > 0) return new Set(labels);
  const found = annotations.map(({ categoryId }) => labelOf(categoryId));
  return new Set(found.filter((label) => label !== undefined));
}

function cumulative(weights: Float64Array): Float64Array {
  let sum = 0;
  return weights.map((weight) => (sum += weight));
}

/** The first position whose sum is above a number drawn below the whole sum. */
function draw(sums: Float64Array, random: Random): number {
  const target = random.next() * sums.at(-1)!;
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle]! > target) high = middle;
    else low = middle + 1;
  }
  return low;
}
