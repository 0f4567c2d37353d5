/**
 * Which query is to predict which object (Carion et al., arXiv:2005.12872, section 3.1): the assignment with the
 * least total cost, where the cost of a pair weighs the query's probability of the object's class, the L1
 * distance of the boxes and their generalised IoU. Computed on the host, in double precision; no gradient flows.
 */
import { ShapeError } from '../../core/index.ts';
import { type Assignment, assign } from './assignment.ts';

/** Objects of one image as the loss sees them. */
export interface DetectionLabels {
  /** Contiguous labels. */
  readonly classLabels: ArrayLike<number>;
  /** (cx, cy, w, h) in 0 … 1 of the image without its padding, [objects × 4]. */
  readonly boxes: ArrayLike<number>;
}

/** Hugging Face's `class_cost`, `bbox_cost`, `giou_cost`. */
export interface MatchingWeights {
  readonly classCost: number;
  readonly bboxCost: number;
  readonly giouCost: number;
}

/** What the model says of one image. */
export interface QueryOutputs {
  /** [queries × columns], the last column is "no object". */
  readonly logits: ArrayLike<number>;
  /** [queries × 4] (cx, cy, w, h). */
  readonly boxes: ArrayLike<number>;
  readonly queries: number;
}

/** Row-major [queries, objects]. */
export function matchingCosts(
  { logits, boxes, queries }: QueryOutputs,
  labels: DetectionLabels,
  weights: MatchingWeights,
): Float64Array {
  const columns = logits.length / queries;
  const objects = labels.classLabels.length;
  const costs = new Float64Array(queries * objects);
  for (let query = 0; query < queries; query++) {
    const probabilities = softmax(logits, query * columns, columns);
    for (let object = 0; object < objects; object++) {
      const label = labels.classLabels[object]!;
      if (!(label >= 0 && label < columns - 1)) throw labelOutside(label, columns - 1);
      costs[query * objects + object] =
        weights.bboxCost * distance(boxes, 4 * query, labels.boxes, 4 * object) -
        weights.classCost * probabilities[label]! -
        weights.giouCost * generalizedIou(boxes, 4 * query, labels.boxes, 4 * object);
    }
  }
  return costs;
}

/** `rows` are queries in ascending order, `columns` their objects. */
export function match(outputs: QueryOutputs, labels: DetectionLabels, weights: MatchingWeights): Assignment {
  const objects = labels.classLabels.length;
  if (objects === 0) return { rows: [], columns: [], cost: 0 };
  return assign(matchingCosts(outputs, labels, weights), outputs.queries, objects);
}

function softmax(logits: ArrayLike<number>, begin: number, length: number): Float64Array {
  const values = new Float64Array(length);
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < length; i++) largest = Math.max(largest, logits[begin + i]!);
  let sum = 0;
  for (let i = 0; i < length; i++) {
    values[i] = Math.exp(logits[begin + i]! - largest);
    sum += values[i]!;
  }
  for (let i = 0; i < length; i++) values[i]! /= sum;
  return values;
}

function distance(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number {
  let sum = 0;
  for (let k = 0; k < 4; k++) sum += Math.abs(a[i + k]! - b[j + k]!);
  return sum;
}

/** IoU minus the share of the enclosing box that neither covers (Rezatofighi et al., arXiv:1902.09630). */
function generalizedIou(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number {
  let intersection = 1;
  let enclosing = 1;
  for (let axis = 0; axis < 2; axis++) {
    const [aHalf, bHalf] = [a[i + 2 + axis]! / 2, b[j + 2 + axis]! / 2];
    const [aLow, aHigh] = [a[i + axis]! - aHalf, a[i + axis]! + aHalf];
    const [bLow, bHigh] = [b[j + axis]! - bHalf, b[j + axis]! + bHalf];
    intersection *= Math.max(0, Math.min(aHigh, bHigh) - Math.max(aLow, bLow));
    enclosing *= Math.max(0, Math.max(aHigh, bHigh) - Math.min(aLow, bLow));
  }
  const union = a[i + 2]! * a[i + 3]! + b[j + 2]! * b[j + 3]! - intersection;
  return intersection / union - (enclosing - union) / enclosing;
}

function labelOutside(label: number, classes: number): ShapeError {
  return new ShapeError({
    code: 'label_outside_classes',
    expected: `labels from 0 to ${classes - 1}`,
    received: String(label),
    fix: "build the model with the data's classes",
  });
}
