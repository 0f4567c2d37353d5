/**
 * What a detector gets wrong, and how: an analysis of its errors at one score threshold, after TIDE (Bolya et
 * al. 2020). Average precision says how good a detector is; this says what to do about the rest.
 *
 * Detections above the threshold are matched like COCO at IoU 0.5 inside their class. Every detection that is
 * left over has one kind of error, looked for in this order:
 *   duplicate     overlaps an object of its class that was already found (IoU ≥ 0.5)
 *   confusion     overlaps an object of another class (IoU ≥ 0.5)
 *   localisation  overlaps an object of its class, but not enough (0.1 ≤ IoU < 0.5)
 *   both          overlaps an object of another class, not enough (0.1 ≤ IoU < 0.5)
 *   background    overlaps nothing (IoU < 0.1)
 */
import { precisionRecallF1 } from '../classification/index.ts';
import { bestThreshold, type DetectionImage, type ImageMatch, matchImage } from './matching.ts';

export const falsePositiveKinds = ['duplicate', 'confusion', 'localisation', 'both', 'background'] as const;
export type FalsePositiveKind = (typeof falsePositiveKinds)[number];

export const objectSizes = ['small', 'medium', 'large'] as const;
export type ObjectSize = (typeof objectSizes)[number];

export interface DetectionErrorOptions {
  /** Detections below it do not count. Left out: where F1 over all classes is largest. */
  readonly scoreThreshold?: number;
  /** From here on a detection has found an object (0.5). */
  readonly iouThreshold?: number;
  /** Below this overlap a detection has nothing to do with an object (0.1). */
  readonly backgroundIou?: number;
}

/** Counts of one class at the threshold. */
export interface ClassErrors {
  readonly categoryId: number;
  readonly truths: number;
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** Counts of one image at the threshold. */
export interface ImageErrors {
  readonly id: number | string;
  readonly truths: number;
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly f1: number;
}

export interface DetectionErrors {
  readonly scoreThreshold: number;
  readonly iouThreshold: number;
  readonly truePositives: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly falsePositives: {
    readonly total: number;
    /** The mean score of false detections; null without any. */
    readonly averageConfidence: number | null;
    readonly byKind: Readonly<Record<FalsePositiveKind, number>>;
    /** By the area of the detection. */
    readonly bySize: Readonly<Record<ObjectSize, number>>;
  };
  readonly falseNegatives: {
    readonly total: number;
    /** By the area of the object; `truths` is how many there are of the size. */
    readonly bySize: Readonly<Record<ObjectSize, { readonly missed: number; readonly truths: number }>>;
    /** Taken for another class, found but badly placed, or not seen at all. */
    readonly byReason: { readonly confused: number; readonly misplaced: number; readonly unseen: number };
  };
  readonly localization: {
    /** The mean IoU of found objects; null without any. */
    readonly averageIou: number | null;
    /** The share of found objects with an IoU below 0.75; null without any. */
    readonly poorRate: number | null;
  };
  /** Confused classes, most frequent first. */
  readonly confusions: readonly {
    readonly truth: number;
    readonly predicted: number;
    readonly count: number;
  }[];
  /**
   * [K + 1 × K + 1] rows are true categories, columns predicted ones, both in the order of `categoryIds`; the last
   * row is false detections of nothing, the last column objects that were not seen.
   */
  readonly confusionMatrix: Float64Array;
  readonly categoryIds: readonly number[];
  readonly perClass: readonly ClassErrors[];
  /** Worst first: lowest F1, then most errors. */
  readonly images: readonly ImageErrors[];
}

/** Analyses all images of a split. Categories are those that it has; detections of others are left out. */
export function detectionErrors(
  images: readonly DetectionImage[],
  categoryIds: readonly number[],
  options: DetectionErrorOptions = {},
): DetectionErrors {
  const iouThreshold = options.iouThreshold ?? 0.5;
  const known = new Set(categoryIds);
  const analyses = images.map((image) => matchImage(withoutUnknown(image, known), iouThreshold));
  const scoreThreshold = options.scoreThreshold ?? bestThreshold(analyses);
  const tally = new Tally(categoryIds, iouThreshold, options.backgroundIou ?? 0.1);
  for (const analysis of analyses) tally.add(analysis, scoreThreshold);
  return tally.result(scoreThreshold);
}

function withoutUnknown(image: DetectionImage, known: ReadonlySet<number>): DetectionImage {
  const { detections } = image;
  const kept = Array.from(detections.categoryIds, (_, i) => i).filter((i) =>
    known.has(detections.categoryIds[i]!),
  );
  if (kept.length === detections.count) return image;
  return {
    ...image,
    detections: {
      count: kept.length,
      categoryIds: kept.map((i) => detections.categoryIds[i]!),
      scores: kept.map((i) => detections.scores[i]!),
      boxes: kept.flatMap((i) => [0, 1, 2, 3].map((side) => detections.boxes![4 * i + side]!)),
    },
  };
}

function sizeOf(area: number): ObjectSize {
  if (area <= 32 ** 2) return 'small';
  return area <= 96 ** 2 ? 'medium' : 'large';
}

const perSize = <T>(make: () => T): Record<ObjectSize, T> => ({
  small: make(),
  medium: make(),
  large: make(),
});

/** Adds up images; one row and column more than categories, for "nothing". */
class Tally {
  private readonly size: number;
  private readonly position: ReadonlyMap<number, number>;
  private readonly matrix: Float64Array;
  private readonly counts: { truths: number; hits: number; falses: number; misses: number }[];
  private readonly kinds: Record<FalsePositiveKind, number> = {
    confusion: 0,
    localisation: 0,
    duplicate: 0,
    both: 0,
    background: 0,
  };
  private readonly falseSizes = perSize(() => 0);
  private readonly missSizes = perSize(() => ({ missed: 0, truths: 0 }));
  private readonly reasons = { confused: 0, misplaced: 0, unseen: 0 };
  private readonly images: ImageErrors[] = [];
  private confidence = 0;
  private iou = 0;
  private poor = 0;

  constructor(
    private readonly categoryIds: readonly number[],
    private readonly iouThreshold: number,
    private readonly backgroundIou: number,
  ) {
    this.size = categoryIds.length + 1;
    this.position = new Map(categoryIds.map((id, i) => [id, i]));
    this.matrix = new Float64Array(this.size ** 2);
    this.counts = categoryIds.map(() => ({ truths: 0, hits: 0, falses: 0, misses: 0 }));
  }

  add(analysis: ImageMatch, scoreThreshold: number): void {
    const { image, order, found, overlaps } = analysis;
    const { truth, detections } = image;
    const finder = new Int32Array(truth.count).fill(-1);
    const kept = order.filter((d) => detections.scores[d]! >= scoreThreshold && found[d] !== -2);
    let hits = 0;
    for (const d of kept) {
      const g = found[d]!;
      if (g < 0) continue;
      finder[g] = d;
      hits++;
      const overlap = overlaps[d * truth.count + g]!;
      this.iou += overlap;
      if (overlap < 0.75) this.poor++;
      const k = this.position.get(truth.categoryIds[g]!)!;
      this.counts[k]!.hits++;
      this.matrix[k * this.size + k]! += 1;
    }
    const confused = this.addFalse(analysis, kept, finder);
    const misses = this.addMissed(analysis, kept, finder, confused);
    const falses = kept.length - hits;
    this.images.push({
      id: image.id,
      truths: hits + misses,
      truePositives: hits,
      falsePositives: falses,
      falseNegatives: misses,
      // An image without objects and detections is right.
      f1: hits + falses + misses === 0 ? 1 : (2 * hits) / (2 * hits + falses + misses),
    });
  }

  /** Returns the truths that a detection of another class stands on. */
  private addFalse(analysis: ImageMatch, kept: Uint32Array, finder: Int32Array): Set<number> {
    const { image, found, overlaps } = analysis;
    const { truth, detections } = image;
    const confused = new Set<number>();
    const nothing = this.size - 1;
    for (const d of kept) {
      if (found[d]! >= 0) continue;
      let same = 0;
      let other = 0;
      let otherTruth = -1;
      for (let g = 0; g < truth.count; g++) {
        if (truth.crowd[g]) continue;
        const overlap = overlaps[d * truth.count + g]!;
        if (truth.categoryIds[g] === detections.categoryIds[d]) same = Math.max(same, overlap);
        else if (overlap > other) {
          other = overlap;
          otherTruth = g;
        }
      }
      this.kinds[this.kindOf(same, other)]++;
      this.confidence += detections.scores[d]!;
      this.falseSizes[sizeOf(detections.boxes![4 * d + 2]! * detections.boxes![4 * d + 3]!)]++;
      const k = this.position.get(detections.categoryIds[d]!)!;
      this.counts[k]!.falses++;
      // In the matrix an object that was found, or taken for another class once, is not taken again.
      const takes = other >= this.iouThreshold && finder[otherTruth]! < 0 && !confused.has(otherTruth);
      if (takes) confused.add(otherTruth);
      const row = takes ? this.position.get(truth.categoryIds[otherTruth]!)! : nothing;
      this.matrix[row * this.size + k]! += 1;
    }
    return confused;
  }

  private kindOf(same: number, other: number): FalsePositiveKind {
    if (same >= this.iouThreshold) return 'duplicate';
    if (other >= this.iouThreshold) return 'confusion';
    if (same >= this.backgroundIou) return 'localisation';
    return other >= this.backgroundIou ? 'both' : 'background';
  }

  private addMissed(
    { image, overlaps }: ImageMatch,
    kept: Uint32Array,
    finder: Int32Array,
    confused: ReadonlySet<number>,
  ): number {
    const { truth, detections } = image;
    let misses = 0;
    for (let g = 0; g < truth.count; g++) {
      if (truth.crowd[g]) continue;
      const k = this.position.get(truth.categoryIds[g]!);
      if (k === undefined) continue;
      const size = this.missSizes[sizeOf(truth.areas[g]!)];
      size.truths++;
      this.counts[k]!.truths++;
      if (finder[g]! >= 0) continue;
      misses++;
      size.missed++;
      this.counts[k]!.misses++;
      const near = kept.some(
        (d) =>
          detections.categoryIds[d] === truth.categoryIds[g] &&
          overlaps[d * truth.count + g]! >= this.backgroundIou,
      );
      if (confused.has(g)) this.reasons.confused++;
      else {
        this.matrix[k * this.size + this.size - 1]! += 1;
        if (near) this.reasons.misplaced++;
        else this.reasons.unseen++;
      }
    }
    return misses;
  }

  result(scoreThreshold: number): DetectionErrors {
    const total = (key: 'hits' | 'falses' | 'misses'): number =>
      this.counts.reduce((sum, row) => sum + row[key], 0);
    const [hits, falses, misses] = [total('hits'), total('falses'), total('misses')];
    const classes = this.categoryIds.map((categoryId, k): ClassErrors => {
      const row = this.counts[k]!;
      const counts = {
        truePositives: row.hits,
        falsePositives: row.falses,
        falseNegatives: row.misses,
      };
      return { categoryId, truths: row.truths, ...counts, ...precisionRecallF1(counts) };
    });
    const pairs = this.categoryIds.flatMap((truth, row) =>
      this.categoryIds.map((predicted, column) => ({
        truth,
        predicted,
        count: row === column ? 0 : this.matrix[row * this.size + column]!,
      })),
    );
    return {
      scoreThreshold,
      iouThreshold: this.iouThreshold,
      truePositives: hits,
      ...precisionRecallF1({ truePositives: hits, falsePositives: falses, falseNegatives: misses }),
      falsePositives: {
        total: falses,
        averageConfidence: falses > 0 ? this.confidence / falses : null,
        byKind: this.kinds,
        bySize: this.falseSizes,
      },
      falseNegatives: { total: misses, bySize: this.missSizes, byReason: this.reasons },
      localization: {
        averageIou: hits > 0 ? this.iou / hits : null,
        poorRate: hits > 0 ? this.poor / hits : null,
      },
      confusions: pairs.filter((pair) => pair.count > 0).sort((a, b) => b.count - a.count),
      confusionMatrix: this.matrix,
      categoryIds: this.categoryIds,
      perClass: classes,
      images: this.images.toSorted(
        (a, b) => a.f1 - b.f1 || b.falsePositives + b.falseNegatives - (a.falsePositives + a.falseNegatives),
      ),
    };
  }
}
