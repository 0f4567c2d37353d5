/**
 * Whether a model is as sure as it is right: reliability bins of the highest probability, and the expected
 * calibration error over them (Guo et al. 2017).
 */
import { argmaxRows, type ScoreMatrix } from './ranking.ts';

export interface CalibrationBin {
  readonly count: number;
  /** The mean confidence in the bin; null without samples. */
  readonly confidence: number | null;
  /** The share of right predictions in the bin; null without samples. */
  readonly accuracy: number | null;
}

/** Which bin a confidence on an edge belongs to: ]low, high] or [low, high[. */
export type BinEdges = 'upper-closed' | 'lower-closed';

/** `bins` equal bins of [0, 1] by confidence. */
export function calibrationBins(
  probabilities: ScoreMatrix,
  truth: ArrayLike<number>,
  bins: number,
  edges: BinEdges = 'upper-closed',
): CalibrationBin[] {
  const { samples, classes, data } = probabilities;
  const predicted = argmaxRows(probabilities);
  const counts = new Float64Array(bins);
  const confidences = new Float64Array(bins);
  const hits = new Float64Array(bins);
  for (let row = 0; row < samples; row++) {
    const confidence = data[row * classes + predicted[row]!]!;
    const bin = binOf(confidence, bins, edges);
    counts[bin]! += 1;
    confidences[bin]! += confidence;
    if (predicted[row] === truth[row]) hits[bin]! += 1;
  }
  return Array.from(counts, (count, bin) => ({
    count,
    confidence: count === 0 ? null : confidences[bin]! / count,
    accuracy: count === 0 ? null : hits[bin]! / count,
  }));
}

function binOf(confidence: number, bins: number, edges: BinEdges): number {
  // The edges are i / bins; dividing decides edges exactly, multiplying the confidence would not.
  let bin = Math.min(bins - 1, Math.max(0, Math.floor(confidence * bins)));
  const below = (edge: number): boolean =>
    edges === 'upper-closed' ? confidence <= edge / bins : confidence < edge / bins;
  while (bin > 0 && below(bin)) bin--;
  while (bin < bins - 1 && !below(bin + 1)) bin++;
  return bin;
}

/** l1: the mean gap weighted by samples (ECE); l2: its root mean square; max: the largest gap (MCE). */
export function calibrationError(bins: readonly CalibrationBin[], norm: 'l1' | 'l2' | 'max'): number {
  const total = bins.reduce((sum, bin) => sum + bin.count, 0);
  const gaps = bins
    .filter((bin) => bin.count > 0)
    .map((bin) => ({ gap: Math.abs(bin.accuracy! - bin.confidence!), share: bin.count / total }));
  if (norm === 'max') return gaps.reduce((most, { gap }) => Math.max(most, gap), 0);
  if (norm === 'l1') return gaps.reduce((sum, { gap, share }) => sum + gap * share, 0);
  return Math.sqrt(gaps.reduce((sum, { gap, share }) => sum + gap * gap * share, 0));
}
