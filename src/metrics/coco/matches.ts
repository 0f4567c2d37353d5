/** pycocotools' `evalImgs` entry of the area range that was matched last: for looking into an evaluation. */
import type { MatchGroup, MatchScratch } from './match.ts';
import type { CocoParameters } from './parameters.ts';
import type { ImageMatches } from './types.ts';

interface GroupIds {
  readonly image: number | string;
  readonly category: number;
  truth(position: number): number;
  detection(position: number): number;
  score(position: number): number;
}

export function describeMatches(
  scratch: MatchScratch,
  group: MatchGroup,
  area: number,
  counting: number,
  parameters: CocoParameters,
  ids: GroupIds,
): ImageMatches {
  const { low, high } = parameters.areaRanges[area]!;
  const detections = Array.from({ length: group.detections }, (_, d) => d);
  const truths = Array.from({ length: group.truths }, (_, position) => position);
  const thresholds = parameters.iouThresholds.map((_, t) => t);
  const truthId = (position: number): number => ids.truth(scratch.truthOrder[position]!);
  return {
    image_id: ids.image,
    category_id: ids.category,
    aRng: [low, high],
    maxDet: parameters.maxDetections.at(-1)!,
    dtIds: detections.map((d) => ids.detection(d)),
    gtIds: truths.map(truthId),
    dtMatches: thresholds.map((t) =>
      detections.map((d) => {
        const position = scratch.detectionMatch[t * group.detections + d]!;
        return position < 0 ? 0 : truthId(position);
      }),
    ),
    gtMatches: thresholds.map((t) =>
      truths.map((position) => {
        const d = scratch.truthMatch[t * group.truths + position]!;
        return d < 0 ? 0 : ids.detection(d);
      }),
    ),
    dtScores: detections.map((d) => ids.score(d)),
    gtIgnore: truths.map((position) => (position >= counting ? 1 : 0)),
    dtIgnore: thresholds.map((t) =>
      detections.map((d) => {
        const slot = (area * group.detections + d) * scratch.words + (t >>> 5);
        return (scratch.ignored[slot]! & (1 << (t & 31))) !== 0 ? 1 : 0;
      }),
    ),
  };
}
