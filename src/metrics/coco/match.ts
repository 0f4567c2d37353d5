/**
 * Greedy matching of one group (the detections and ground truths of one image and category), as COCOeval's
 * `evaluateImg`. Per area range and IoU threshold, detections take in descending score the ground truth with
 * the highest IoU at or above the threshold; of equal IoUs the later one. Ground truths that are ignored (crowds,
 * outside the area range) come last and are taken only when no real one was found; what matches them is
 * ignored, neither right nor wrong. A crowd may be taken any number of times.
 *
 * The result of a detection is two bits per threshold and area range, packed in 32-bit words.
 */

/** Working memory of the matcher, reused from group to group: nothing is allocated per image. */
export class MatchScratch {
  readonly words: number;
  /** [detections × truths] IoU, set by the caller. */
  overlaps: Float64Array = new Float64Array();
  /** [areas × detections × words]: matched to a ground truth that counts as one (its id is not 0). */
  matched = new Uint32Array(256);
  /** [areas × detections × words]: neither right nor wrong. */
  ignored = new Uint32Array(256);
  /** Ground truths, those that count first: positions in the group. */
  truthOrder = new Uint32Array(64);
  /** [thresholds × detections]: the position in `truthOrder`, or −1. Of the last area range matched. */
  detectionMatch = new Int32Array(256);
  /** [thresholds × truths]: the detection, or −1, by position in `truthOrder`. Of the last area range matched. */
  truthMatch = new Int32Array(256);

  constructor(
    readonly thresholds: readonly number[],
    readonly areaCount: number,
  ) {
    this.words = Math.ceil(thresholds.length / 32);
  }

  /** Makes room for a group. */
  reserve(detections: number, truths: number): void {
    const bits = this.areaCount * detections * this.words;
    if (this.matched.length < bits) {
      this.matched = new Uint32Array(2 * bits);
      this.ignored = new Uint32Array(2 * bits);
    }
    if (this.truthOrder.length < truths) this.truthOrder = new Uint32Array(2 * truths);
    const perDetection = this.thresholds.length * detections;
    if (this.detectionMatch.length < perDetection) this.detectionMatch = new Int32Array(2 * perDetection);
    const perTruth = this.thresholds.length * truths;
    if (this.truthMatch.length < perTruth) this.truthMatch = new Int32Array(2 * perTruth);
  }
}

/** One group, as columns. */
export interface MatchGroup {
  readonly detections: number;
  readonly truths: number;
  readonly detectionAreas: Float64Array;
  readonly truthAreas: Float64Array;
  readonly truthIds: Float64Array;
  readonly crowd: Uint8Array;
  /** Ignored in every area range: crowds, and what the caller adds. */
  readonly ignored: Uint8Array;
}

/** Orders the ground truths of an area range and returns how many of them count. */
export function orderTruths(scratch: MatchScratch, group: MatchGroup, low: number, high: number): number {
  const { truthOrder } = scratch;
  const outside = (g: number): boolean =>
    group.ignored[g] !== 0 || group.truthAreas[g]! < low || group.truthAreas[g]! > high;
  let count = 0;
  for (let g = 0; g < group.truths; g++) if (!outside(g)) truthOrder[count++] = g;
  let end = count;
  for (let g = 0; g < group.truths; g++) if (outside(g)) truthOrder[end++] = g;
  return count;
}

/**
 * Matches one area range; `truthOrder` is set and its first `counting` ground truths count. Leaves the bits in
 * `matched` and `ignored` and the positions in `detectionMatch` and `truthMatch`.
 */
export function matchArea(
  scratch: MatchScratch,
  group: MatchGroup,
  area: number,
  counting: number,
  low: number,
  high: number,
): void {
  const { thresholds, words, overlaps, truthOrder, matched, ignored, detectionMatch, truthMatch } = scratch;
  const { detections, truths, crowd, truthIds, detectionAreas } = group;
  const base = area * detections * words;
  matched.fill(0, base, base + detections * words);
  ignored.fill(0, base, base + detections * words);
  detectionMatch.fill(-1, 0, thresholds.length * detections);
  truthMatch.fill(-1, 0, thresholds.length * truths);
  for (let t = 0; t < thresholds.length && truths > 0; t++) {
    // A threshold of 1 must accept an IoU of 1 that rounding left just below.
    const threshold = Math.min(thresholds[t]!, 1 - 1e-10);
    const bit = 1 << (t & 31);
    const word = t >>> 5;
    const claimed = t * truths;
    for (let d = 0; d < detections; d++) {
      let best = threshold;
      let match = -1;
      for (let position = 0; position < truths; position++) {
        const g = truthOrder[position]!;
        if (truthMatch[claimed + position]! >= 0 && crowd[g] === 0) continue;
        if (position >= counting && match >= 0 && match < counting) break;
        const overlap = overlaps[d * truths + g]!;
        if (overlap < best) continue;
        best = overlap;
        match = position;
      }
      if (match < 0) continue;
      truthMatch[claimed + match] = d;
      detectionMatch[t * detections + d] = match;
      const slot = base + d * words + word;
      if (truthIds[truthOrder[match]!] !== 0) matched[slot] = matched[slot]! | bit;
      if (match >= counting) ignored[slot] = ignored[slot]! | bit;
    }
  }
  for (let d = 0; d < detections; d++) {
    if (detectionAreas[d]! >= low && detectionAreas[d]! <= high) continue;
    for (let word = 0; word < words; word++) {
      const slot = base + d * words + word;
      ignored[slot] = ignored[slot]! | ~matched[slot]!;
    }
  }
}
