/**
 * COCO average precision and recall, image by image, equal to pycocotools' COCOeval.
 *
 *   const evaluator = new CocoEvaluator([1, 2, 3]);
 *   for (…) evaluator.update(imageId, truth, detections);
 *   evaluator.compute().stats; // [AP, AP50, AP75, …]
 *
 * pycocotools keeps every detection and every match as Python objects until the end. Here an image is matched
 * when it comes and only its match bits stay (see ledger.ts), so memory does not grow with images or ground truth,
 * and images may come in any order.
 */
import { DataError } from '../../core/index.ts';
import { areaOf, iouOfBoxes, iouOfRuns } from '../../formats/rle/index.ts';
import { sortDescending } from '../sort.ts';
import { accumulate } from './accumulate.ts';
import { keypointSimilarities } from './keypoints.ts';
import { Ledger } from './ledger.ts';
import { type MatchGroup, MatchScratch, matchArea, orderTruths } from './match.ts';
import { describeMatches } from './matches.ts';
import { type CocoParameters, cocoParameters } from './parameters.ts';
import { summarize, summarizeCategory } from './summarize.ts';
import type { CocoEvaluation, DetectionColumns, ImageMatches, TruthColumns } from './types.ts';

export interface CocoEvaluatorOptions extends Partial<CocoParameters> {
  /** Keep pycocotools' `evalImgs`: ids and matches of every image, for looking into small sets. */
  readonly keepMatches?: boolean;
}

export class CocoEvaluator {
  readonly parameters: CocoParameters;
  readonly categoryIds: readonly number[];
  private readonly categoryOf: ReadonlyMap<number, number>;
  private readonly ledger: Ledger;
  private readonly scratch: MatchScratch;
  private readonly seen = new Set<number | string>();
  /** [K, A]. */
  private readonly positives: Float64Array;
  private readonly annotations: Float64Array;
  private readonly matches: Map<number | string, (ImageMatches | null)[]> | undefined;

  constructor(categoryIds: readonly number[], options: CocoEvaluatorOptions = {}) {
    const { keepMatches, ...parameters } = options;
    this.parameters = cocoParameters(parameters);
    this.categoryIds = [...new Set(categoryIds)].sort((a, b) => a - b);
    this.categoryOf = new Map(this.categoryIds.map((id, position) => [id, position]));
    const areas = this.parameters.areaRanges.length;
    this.scratch = new MatchScratch(this.parameters.iouThresholds, areas);
    this.ledger = new Ledger(areas * this.scratch.words);
    this.positives = new Float64Array(this.groupCount * areas);
    this.annotations = new Float64Array(this.groupCount);
    this.matches = keepMatches ? new Map() : undefined;
  }

  /** How many images were evaluated. */
  get imageCount(): number {
    return this.seen.size;
  }

  /** K of the arrays: the categories, or 1 when they are matched together. */
  private get groupCount(): number {
    return this.parameters.useCategories ? this.categoryIds.length : 1;
  }

  /** Adds one image, which must not have been added before. Instances of unknown categories are dropped. */
  update(imageId: number | string, truth: TruthColumns, detections: DetectionColumns): void {
    if (this.seen.has(imageId)) {
      throw new DataError({
        code: 'image_evaluated_twice',
        expected: 'every image once in an evaluation',
        received: `image ${imageId} again`,
        fix: 'give all detections of an image in one update, or leave out repeated rows of a batch',
      });
    }
    checkColumns(imageId, truth, detections, this.parameters);
    this.seen.add(imageId);
    this.ledger.beginImage(imageId);
    const truthGroups = this.groupByCategory(truth.categoryIds, truth.count);
    const detectionGroups = this.groupByCategory(detections.categoryIds, detections.count);
    const matches = this.matches ? ([] as (ImageMatches | null)[]) : undefined;
    for (let k = 0; k < this.groupCount; k++) {
      const truthRows = truthGroups.get(k) ?? [];
      const detectionRows = detectionGroups.get(k) ?? [];
      const found =
        truthRows.length + detectionRows.length > 0
          ? this.matchGroup(imageId, k, truth, truthRows, detections, detectionRows)
          : undefined;
      matches?.push(...(found ?? this.parameters.areaRanges.map(() => null)));
    }
    if (matches) this.matches?.set(imageId, matches);
  }

  /** The numbers over everything that was added so far; more images may follow. */
  compute(): CocoEvaluation {
    const { parameters } = this;
    const K = this.groupCount;
    const curves = accumulate(this.ledger, this.positives, K, parameters);
    const { names, stats } = summarize(curves, K, parameters);
    return {
      parameters,
      categoryIds: this.categoryIds,
      imageCount: this.imageCount,
      statNames: names,
      stats,
      perCategory: Array.from({ length: K }, (_, k) => ({
        categoryId: parameters.useCategories ? this.categoryIds[k]! : -1,
        annotations: this.annotations[k]!,
        values: summarizeCategory(k, curves, K, parameters),
      })),
      ...curves,
      positives: this.positives.slice(),
      ...(this.matches ? { evalImgs: this.orderedMatches(this.matches) } : {}),
    };
  }

  /** Rows of each category in their order; with all categories together, ordered by category. */
  private groupByCategory(categoryIds: ArrayLike<number>, count: number): Map<number, number[]> {
    const groups = new Map<number, number[]>();
    for (let i = 0; i < count; i++) {
      const k = this.categoryOf.get(categoryIds[i]!);
      if (k === undefined) continue;
      const rows = groups.get(k);
      if (rows) rows.push(i);
      else groups.set(k, [i]);
    }
    if (this.parameters.useCategories) return groups;
    const together = [...groups.keys()].sort((a, b) => a - b).flatMap((k) => groups.get(k)!);
    return together.length > 0 ? new Map([[0, together]]) : new Map();
  }

  private matchGroup(
    imageId: number | string,
    k: number,
    truth: TruthColumns,
    truthRows: readonly number[],
    detections: DetectionColumns,
    allDetectionRows: readonly number[],
  ): (ImageMatches | null)[] | undefined {
    const { parameters, scratch, ledger } = this;
    const detectionRows = this.strongest(detections.scores, allDetectionRows);
    const D = detectionRows.length;
    const G = truthRows.length;
    scratch.reserve(D, G);
    const group = gatherGroup(truth, truthRows, detections, detectionRows, parameters);
    if (D > 0 && G > 0) scratch.overlaps = this.overlaps(truth, truthRows, detections, detectionRows, group);
    const found: (ImageMatches | null)[] = [];
    this.annotations[k]! += G;
    for (let a = 0; a < parameters.areaRanges.length; a++) {
      const { low, high } = parameters.areaRanges[a]!;
      const counting = orderTruths(scratch, group, low, high);
      this.positives[k * parameters.areaRanges.length + a]! += counting;
      matchArea(scratch, group, a, counting, low, high);
      if (this.matches) {
        const ids = {
          image: imageId,
          category: parameters.useCategories ? this.categoryIds[k]! : -1,
          truth: (row: number) => group.truthIds[row]!,
          detection: (row: number) => detections.ids?.[detectionRows[row]!] ?? detectionRows[row]! + 1,
          score: (row: number) => detections.scores[detectionRows[row]!]!,
        };
        found.push(describeMatches(scratch, group, a, counting, parameters, ids));
      }
    }
    if (D > 0) {
      const start = ledger.addGroup(k, D);
      for (let d = 0; d < D; d++) {
        ledger.scores[start + d] = detections.scores[detectionRows[d]!]!;
        ledger.ranks[start + d] = d;
        for (let a = 0; a < parameters.areaRanges.length; a++) {
          for (let word = 0; word < scratch.words; word++) {
            const from = (a * D + d) * scratch.words + word;
            const to = (start + d) * ledger.stride + a * scratch.words + word;
            ledger.matched[to] = scratch.matched[from]!;
            ledger.ignored[to] = scratch.ignored[from]!;
          }
        }
      }
    }
    return this.matches ? found : undefined;
  }

  /** The rows by descending score, at most the largest maxDetections of them. */
  private strongest(scores: ArrayLike<number>, rows: readonly number[]): Uint32Array {
    const order = Uint32Array.from(rows);
    if (order.length > 1) sortDescending(scores, order, new Uint32Array(order.length), order.length);
    return order.subarray(0, this.parameters.maxDetections.at(-1));
  }

  /** [detections × truths], row by row. */
  private overlaps(
    truth: TruthColumns,
    truthRows: ArrayLike<number>,
    detections: DetectionColumns,
    detectionRows: ArrayLike<number>,
    group: MatchGroup,
  ): Float64Array {
    if (this.parameters.iouType === 'segm') {
      return iouOfRuns(
        Array.from(detectionRows, (row) => detections.masks![row]!),
        Array.from(truthRows, (row) => truth.masks![row]!),
        group.crowd,
      );
    }
    const truthBoxes = gatherRows(truth.boxes!, truthRows, 4);
    if (this.parameters.iouType === 'bbox') {
      return iouOfBoxes(gatherRows(detections.boxes!, detectionRows, 4), truthBoxes, group.crowd);
    }
    const sigmas = this.parameters.keypointSigmas;
    return keypointSimilarities(
      gatherRows(detections.keypoints!, detectionRows, 3 * sigmas.length),
      gatherRows(truth.keypoints!, truthRows, 3 * sigmas.length),
      truthBoxes,
      group.truthAreas,
      sigmas,
    );
  }

  /** pycocotools' order: category × area range × image. */
  private orderedMatches(
    matches: ReadonlyMap<number | string, readonly (ImageMatches | null)[]>,
  ): (ImageMatches | null)[] {
    const images = this.ledger.imagesAscending().map((position) => this.ledger.imageIds[position]!);
    const slots = this.groupCount * this.parameters.areaRanges.length;
    return Array.from({ length: slots }, (_, slot) =>
      images.map((image) => matches.get(image)?.[slot] ?? null),
    ).flat();
  }
}

function gatherRows(values: ArrayLike<number>, rows: ArrayLike<number>, width: number): Float64Array {
  const gathered = new Float64Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0; j < width; j++) gathered[i * width + j] = values[rows[i]! * width + j]!;
  }
  return gathered;
}

function gatherGroup(
  truth: TruthColumns,
  truthRows: readonly number[],
  detections: DetectionColumns,
  detectionRows: Uint32Array,
  parameters: CocoParameters,
): MatchGroup {
  const G = truthRows.length;
  const group = {
    detections: detectionRows.length,
    truths: G,
    detectionAreas: new Float64Array(detectionRows.length),
    truthAreas: new Float64Array(G),
    truthIds: new Float64Array(G),
    crowd: new Uint8Array(G),
    ignored: new Uint8Array(G),
  };
  for (let g = 0; g < G; g++) {
    const row = truthRows[g]!;
    group.truthAreas[g] = truth.areas[row]!;
    group.truthIds[g] = truth.ids?.[row] ?? row + 1;
    group.crowd[g] = truth.crowd[row] ? 1 : 0;
    group.ignored[g] = truth.crowd[row] || truth.ignored?.[row] ? 1 : 0;
  }
  for (let d = 0; d < detectionRows.length; d++) {
    group.detectionAreas[d] = detectionArea(detections, detectionRows[d]!, parameters);
  }
  return group;
}

/** Unless given: of the box, else of the mask, else of the keypoints' extent. */
function detectionArea(detections: DetectionColumns, row: number, parameters: CocoParameters): number {
  if (detections.areas) return detections.areas[row]!;
  if (detections.boxes) return detections.boxes[4 * row + 2]! * detections.boxes[4 * row + 3]!;
  if (detections.masks) return areaOf(detections.masks[row]!);
  const points = parameters.keypointSigmas.length;
  const extent = [0, 1].map((axis) => {
    const values = Array.from(
      { length: points },
      (_, p) => detections.keypoints![(row * points + p) * 3 + axis]!,
    );
    return Math.max(...values) - Math.min(...values);
  });
  return extent[0]! * extent[1]!;
}

function checkColumns(
  imageId: number | string,
  truth: TruthColumns,
  detections: DetectionColumns,
  { iouType }: CocoParameters,
): void {
  const needed = { bbox: 'boxes', segm: 'masks', keypoints: 'keypoints' } as const;
  for (const [name, columns] of [
    ['ground truth', truth],
    ['detections', detections],
  ] as const) {
    const column = columns[needed[iouType]];
    if (columns.count > 0 && (!column || column.length < columns.count)) {
      throw new DataError({
        code: 'evaluation_column_missing',
        expected: `${needed[iouType]} of ${columns.count} ${name} of image ${imageId} for iouType ${iouType}`,
        received: column ? `${column.length} values` : 'none',
        fix: `give ${needed[iouType]}, or evaluate another iouType`,
      });
    }
  }
  for (let i = 0; i < detections.count; i++) {
    if (!Number.isNaN(detections.scores[i])) continue;
    throw new DataError({
      code: 'score_not_a_number',
      expected: 'scores that are numbers',
      received: `NaN for detection ${i} of image ${imageId}`,
      fix: 'look for the step at which the model stopped giving finite numbers',
    });
  }
}
