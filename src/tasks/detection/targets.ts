/**
 * Ground truth of any number of objects as arrays of one fixed shape: after matching, every query has a target
 * (its object, or "no object"), so the loss needs no decision on the device and a recorded step can be replayed.
 *
 * With auxiliary outputs each decoder layer is matched on its own; its arrays carry the suffix `_0`, `_1`, … as
 * the parts of the loss do.
 */
import { ShapeError } from '../../core/index.ts';
import type { Batch } from '../../data/index.ts';
import type { HostArrays, HostOutputs } from '../types.ts';
import { type DetectionLabels, type MatchingWeights, match } from './matching.ts';

export interface DetectionTargetOptions extends MatchingWeights {
  /** The weight of "no object" in the class loss (`eos_coefficient`). */
  readonly eosCoefficient: number;
  /** Weights of the classes; left out: 1. */
  readonly classWeights?: readonly number[] | undefined;
}

/** Boxes of a batch, normalised. A sample's boxes are corners in pixels of its resized picture, before padding. */
export function labelsOf(batch: Batch): DetectionLabels[] {
  return batch.samples.slice(0, batch.count).map(({ boxes, boxLabels, size }) => ({
    classLabels: boxLabels,
    boxes: boxes.flatMap(([x0, y0, x1, y1]) => [
      (x0 + x1) / 2 / size.width,
      (y0 + y1) / 2 / size.height,
      (x1 - x0) / size.width,
      (y1 - y0) / size.height,
    ]),
  }));
}

/** The suffixes of the outputs that are matched: '' for the last layer, then the auxiliary ones. */
export function outputLayers(
  names: Iterable<string>,
): readonly { readonly suffix: string; readonly prefix: string }[] {
  const known = new Set(names);
  const layers = [{ suffix: '', prefix: '' }];
  for (let i = 0; known.has(`auxiliary_outputs.${i}.logits`); i++) {
    layers.push({ suffix: `_${i}`, prefix: `auxiliary_outputs.${i}.` });
  }
  return layers;
}

/**
 * @param labels of the real images; further rows of the batch have no objects and no weight.
 * @returns for each layer `target_classes` int32 [batch, queries], `class_weights` [batch, queries],
 * `target_boxes` [batch, queries, 4] and `matched` [batch, queries]; and once `num_boxes`, `target_lengths`
 * [batch] and `image_weights` [batch].
 */
export function detectionTargets(
  outputs: HostOutputs,
  labels: readonly DetectionLabels[],
  options: DetectionTargetOptions,
): HostArrays {
  const [batch = 0] = outputs.logits?.shape ?? [];
  if (batch < labels.length) {
    throw new ShapeError({
      code: 'batch_of_labels',
      expected: `labels for ${batch} images`,
      received: `${labels.length}`,
      fix: 'give one set of labels for each image of the batch',
    });
  }
  const counts = Float32Array.from({ length: batch }, (_, i) => labels[i]?.classLabels.length ?? 0);
  const boxCount = counts.reduce((sum, count) => sum + count, 0);
  const arrays: Record<string, HostArrays[string]> = {
    num_boxes: { shape: [], data: Float32Array.of(Math.max(1, boxCount)) },
    target_lengths: { shape: [batch], data: counts },
    image_weights: {
      shape: [batch],
      data: Float32Array.from({ length: batch }, (_, i) => Number(i < labels.length)),
    },
  };
  for (const { suffix, prefix } of outputLayers(Object.keys(outputs))) {
    const layer = layerTargets(outputs, prefix, labels, options);
    for (const [name, array] of Object.entries(layer)) arrays[name + suffix] = array;
  }
  return arrays;
}

function layerTargets(
  outputs: HostOutputs,
  prefix: string,
  labels: readonly DetectionLabels[],
  options: DetectionTargetOptions,
): HostArrays {
  const logits = outputs[`${prefix}logits`]!;
  const boxes = outputs[`${prefix}pred_boxes`]!;
  const [batch, queries, columns] = logits.shape as [number, number, number];
  const noObject = columns - 1;
  const targetClasses = new Int32Array(batch * queries).fill(noObject);
  const classWeights = new Float32Array(batch * queries);
  const matched = new Float32Array(batch * queries);
  // A query without an object is compared with the whole picture, at no weight: a box without area could
  // give 0/0 there.
  const targetBoxes = new Float32Array(batch * queries * 4);
  for (let i = 0; i < batch * queries; i++) targetBoxes.set([0.5, 0.5, 1, 1], 4 * i);
  labels.forEach((image, i) => {
    classWeights.fill(options.eosCoefficient, i * queries, (i + 1) * queries);
    const found = {
      logits: logits.data.subarray(i * queries * columns, (i + 1) * queries * columns),
      boxes: boxes.data.subarray(i * queries * 4, (i + 1) * queries * 4),
      queries,
    };
    const { rows, columns: objects } = match(found, image, options);
    rows.forEach((query, k) => {
      const object = objects[k]!;
      const at = i * queries + query;
      const label = image.classLabels[object]!;
      targetClasses[at] = label;
      classWeights[at] = options.classWeights?.[label] ?? 1;
      matched[at] = 1;
      for (let side = 0; side < 4; side++) targetBoxes[4 * at + side] = image.boxes[4 * object + side]!;
    });
  });
  return {
    target_classes: { shape: [batch, queries], data: targetClasses },
    class_weights: { shape: [batch, queries], data: classWeights },
    target_boxes: { shape: [batch, queries, 4], data: targetBoxes },
    matched: { shape: [batch, queries], data: matched },
  };
}
