/**
 * Which detection found which object of an image, at one overlap, and the score threshold that suits all images.
 * The analysis of errors starts from here; average precision matches by itself, at ten overlaps (`coco/`).
 */
import { iouOfBoxes } from '../../formats/rle/index.ts';
import type { DetectionColumns, TruthColumns } from '../coco/index.ts';
import { descendingOrder } from '../sort.ts';

export interface DetectionImage {
  readonly id: number | string;
  readonly truth: TruthColumns;
  readonly detections: DetectionColumns;
}

/** The matches of one image: who found what. Crowds and what overlaps them do not count. */
export interface ImageMatch {
  readonly image: DetectionImage;
  /** Detections by descending score. */
  readonly order: Uint32Array;
  /** Per detection: the truth that it found, −1 none, −2 it lies on a crowd and does not count. */
  readonly found: Int32Array;
  /** [detections × truths]. */
  readonly overlaps: Float64Array;
}

/** Detections choose by descending score; the last of equally overlapping objects wins. */
export function matchImage(image: DetectionImage, iouThreshold = 0.5): ImageMatch {
  const { truth, detections } = image;
  const overlaps = iouOfBoxes(
    Float64Array.from(detections.boxes ?? []),
    Float64Array.from(truth.boxes ?? []),
    truth.crowd,
  );
  const order = descendingOrder(detections.scores, detections.count);
  const found = new Int32Array(detections.count).fill(-1);
  const claimed = new Uint8Array(truth.count);
  for (const d of order) {
    let best = iouThreshold;
    for (let g = 0; g < truth.count; g++) {
      if (truth.categoryIds[g] !== detections.categoryIds[d]) continue;
      const overlap = overlaps[d * truth.count + g]!;
      if (truth.crowd[g]) {
        if (found[d] === -1 && overlap >= iouThreshold) found[d] = -2;
      } else if (!claimed[g] && overlap >= best) {
        best = overlap;
        found[d] = g;
      }
    }
    if (found[d]! >= 0) claimed[found[d]!] = 1;
  }
  return { image, order, found, overlaps };
}

/** The score at which F1 over all detections is largest; 0.5 where nothing was found. */
export function bestThreshold(analyses: readonly ImageMatch[]): number {
  const scores: number[] = [];
  const hits: boolean[] = [];
  let truths = 0;
  for (const { image, found } of analyses) {
    for (let g = 0; g < image.truth.count; g++) if (!image.truth.crowd[g]) truths++;
    for (let d = 0; d < image.detections.count; d++) {
      if (found[d] === -2) continue;
      scores.push(image.detections.scores[d]!);
      hits.push(found[d]! >= 0);
    }
  }
  let best = 0;
  let threshold = 0.5;
  let truePositives = 0;
  const order = descendingOrder(scores);
  order.forEach((entry, i) => {
    if (hits[entry]) truePositives++;
    // A threshold can't part equal scores.
    if (i + 1 < order.length && scores[order[i + 1]!] === scores[entry]) return;
    const f1 = (2 * truePositives) / (i + 1 + truths);
    if (f1 > best) {
      best = f1;
      threshold = scores[entry]!;
    }
  });
  return threshold;
}
