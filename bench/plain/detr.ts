/**
 * DETR on TensorFlow.js alone. Its targets (which query has which object) are given: it neither reads its
 * outputs back nor matches, which is less work than Ocelli's step does.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  attention,
  dense,
  frozenBatchNorm,
  type Layer,
  layerNorm,
  type PlainLoss,
  type PlainTargets,
  type Weights,
} from './layers.ts';
import { resnet50 } from './resnet.ts';

const [layers, heads] = [6, 8];

export function plainDetr(weights: Weights): PlainLoss {
  const features = resnet50(weights, 'model.backbone.conv_encoder.model', frozenBatchNorm);
  const projection = weights.kernel('model.input_projection.weight');
  const projectionBias = weights.vector('model.input_projection.bias');
  const width = projectionBias.shape[0]!;
  const attend = (name: string): ReturnType<typeof attention> =>
    attention(
      weights,
      {
        query: `${name}.q_proj`,
        key: `${name}.k_proj`,
        value: `${name}.v_proj`,
        output: `${name}.out_proj`,
      },
      heads,
    );
  const feedForward = (name: string): Layer => {
    const [up, down] = [dense(weights, `${name}.fc1`), dense(weights, `${name}.fc2`)];
    return (x) => down(tf.relu(up(x)));
  };
  const encoder = Array.from({ length: layers }, (_, i) => {
    const name = `model.encoder.layers.${i}`;
    const [self, feed] = [attend(`${name}.self_attn`), feedForward(name)];
    const first = layerNorm(weights, `${name}.self_attn_layer_norm`);
    const second = layerNorm(weights, `${name}.final_layer_norm`);
    return (x: tf.Tensor, positions: tf.Tensor): tf.Tensor => {
      const placed = tf.add(x, positions);
      const mixed = first(tf.add(x, self(placed, placed, x)));
      return second(tf.add(mixed, feed(mixed)));
    };
  });
  const decoder = Array.from({ length: layers }, (_, i) => {
    const name = `model.decoder.layers.${i}`;
    const [self, cross] = [attend(`${name}.self_attn`), attend(`${name}.encoder_attn`)];
    const feed = feedForward(name);
    const norms = ['self_attn_layer_norm', 'encoder_attn_layer_norm', 'final_layer_norm'].map((norm) =>
      layerNorm(weights, `${name}.${norm}`),
    ) as [Layer, Layer, Layer];
    return (x: tf.Tensor, query: tf.Tensor, keys: tf.Tensor, memory: tf.Tensor): tf.Tensor => {
      const placed = tf.add(x, query);
      const mixed = norms[0](tf.add(x, self(placed, placed, x)));
      const seen = norms[1](tf.add(mixed, cross(tf.add(mixed, query), keys, memory)));
      return norms[2](tf.add(seen, feed(seen)));
    };
  });
  const queries = weights.vector('model.query_position_embeddings.weight');
  const last = layerNorm(weights, 'model.decoder.layernorm');
  const classHead = dense(weights, 'class_labels_classifier');
  const boxHead = [0, 1, 2].map((i) => dense(weights, `bbox_predictor.layers.${i}`));
  return (images, targets) => {
    const map = features(images) as tf.Tensor4D;
    const [batch, rows, columns] = map.shape;
    const projected = tf.conv2d(map, projection as tf.Tensor as tf.Tensor4D, 1, 'valid');
    let memory: tf.Tensor = tf.reshape(tf.add(projected, projectionBias), [batch, rows * columns, width]);
    const positions = tf.tensor(sinePositions(rows, columns, width), [1, rows * columns, width]);
    for (const layer of encoder) memory = layer(memory, positions);
    const query = tf.tile(tf.expandDims(queries, 0), [batch, 1, 1]);
    let x: tf.Tensor = tf.zeros(query.shape);
    const keys = tf.add(memory, positions);
    for (const layer of decoder) x = layer(x, query, keys, memory);
    const outputs = last(x);
    let boxes = outputs;
    boxHead.forEach((layer, i) => {
      boxes = i < 2 ? tf.relu(layer(boxes)) : tf.sigmoid(layer(boxes));
    });
    return detectionLoss(classHead(outputs), boxes, targets);
  };
}

/** Sines and cosines of rows, then of columns, for a picture without padding. */
export function sinePositions(rows: number, columns: number, width: number): Float32Array {
  const steps = width / 2;
  const positions = new Float32Array(rows * columns * width);
  const write = (from: number, index: number, count: number): void => {
    const place = ((index + 1) / (count + 1e-6)) * 2 * Math.PI;
    for (let pair = 0; pair < steps / 2; pair++) {
      const angle = place / 10000 ** ((2 * pair) / steps);
      positions[from + 2 * pair] = Math.sin(angle);
      positions[from + 2 * pair + 1] = Math.cos(angle);
    }
  };
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + column) * width;
      write(from, row, rows);
      write(from + steps, column, columns);
    }
  }
  return positions;
}

/** Class loss + 5 · L1 + 2 · (1 − generalised IoU), as DETR weighs them. */
function detectionLoss(logits: tf.Tensor, boxes: tf.Tensor, targets: PlainTargets): tf.Scalar {
  const { target_classes: classes, class_weights: weights, target_boxes: wanted } = targets;
  const chosen = tf.sum(tf.mul(tf.logSoftmax(logits), tf.oneHot(classes!, logits.shape.at(-1)!)), -1);
  const classLoss = tf.div(tf.sum(tf.mul(tf.neg(chosen), weights!)), tf.sum(weights!));
  const matched = tf.expandDims(targets.matched!, -1);
  const overMatched = (values: tf.Tensor): tf.Tensor =>
    tf.div(tf.sum(tf.mul(values, matched)), targets.num_boxes!);
  const distance = overMatched(tf.abs(tf.sub(boxes, wanted!)));
  const overlap = overMatched(tf.sub(1, generalizedIou(boxes, wanted!)));
  return tf.add(classLoss, tf.add(tf.mul(distance, 5), tf.mul(overlap, 2))) as tf.Scalar;
}

/** Of boxes [..., 4] as centre and size, pairwise: [..., 1]. */
function generalizedIou(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const corners = (boxes: tf.Tensor): [tf.Tensor, tf.Tensor] => {
    const [centre, size] = tf.split(boxes, 2, -1) as [tf.Tensor, tf.Tensor];
    const half = tf.mul(size, 0.5);
    return [tf.sub(centre, half), tf.add(centre, half)];
  };
  const area = (low: tf.Tensor, high: tf.Tensor): tf.Tensor => {
    const [width, height] = tf.split(tf.relu(tf.sub(high, low)), 2, -1) as [tf.Tensor, tf.Tensor];
    return tf.mul(width, height);
  };
  const [lowA, highA] = corners(a);
  const [lowB, highB] = corners(b);
  const shared = area(tf.maximum(lowA, lowB), tf.minimum(highA, highB));
  const union = tf.sub(tf.add(area(lowA, highA), area(lowB, highB)), shared);
  const hull = area(tf.minimum(lowA, lowB), tf.maximum(highA, highB));
  return tf.sub(tf.div(shared, union), tf.div(tf.sub(hull, union), hull));
}
