/** ViT, ResNet-50 and DETR on TensorFlow.js alone, shaped as the models of the `step` cases. */
import * as tf from '@tensorflow/tfjs-core';
import { attention, batchNorm, convolution, dense, gelu, type Layer, layerNorm, Weights } from './layers.ts';

export interface PlainModel {
  readonly variables: readonly tf.Variable[];
  /** Mean loss of a batch [B, H, W, 3] against fixed labels. */
  loss(images: tf.Tensor4D): tf.Scalar;
}

/** Mean cross entropy with labels 0, 1, 2, … */
function crossEntropy(logits: tf.Tensor, classes: number): tf.Scalar {
  const rows = tf.reshape(logits, [-1, classes]);
  const labels = tf.tensor1d(
    Int32Array.from({ length: rows.shape[0]! }, (_, i) => i % classes),
    'int32',
  );
  const chosen = tf.sum(tf.mul(tf.logSoftmax(rows), tf.oneHot(labels, classes)), -1);
  return tf.neg(tf.mean(chosen));
}

export interface VitShape {
  readonly image: number;
  readonly patch: number;
  readonly width: number;
  readonly hidden: number;
  readonly heads: number;
  readonly depth: number;
  readonly classes: number;
}

export function plainVit(shape: VitShape): PlainModel {
  const { image, patch, width, hidden, heads, depth, classes } = shape;
  const weights = new Weights();
  const filter = weights.normal([patch, patch, 3, width]);
  const bias = weights.constant([width], 0);
  const tokens = (image / patch) ** 2;
  const classToken = weights.normal([1, 1, width]);
  const positions = weights.normal([1, tokens + 1, width]);
  const blocks = Array.from({ length: depth }, () => {
    const before = layerNorm(weights, width);
    const attend = attention(weights, width, heads);
    const between = layerNorm(weights, width);
    const [up, down] = [dense(weights, width, hidden), dense(weights, hidden, width)];
    return (x: tf.Tensor): tf.Tensor => {
      const normed = before(x);
      const mixed = tf.add(x, attend(normed, normed, normed));
      return tf.add(mixed, down(gelu(up(between(mixed)))));
    };
  });
  const last = layerNorm(weights, width);
  const head = dense(weights, width, classes);
  return {
    variables: weights.variables,
    loss(images) {
      const patches = tf.conv2d(images, filter as tf.Tensor as tf.Tensor4D, patch, 'valid');
      const batch = images.shape[0];
      const embedded = tf.add(tf.reshape(patches, [batch, tokens, width]), bias);
      const first = tf.tile(classToken, [batch, 1, 1]);
      let x: tf.Tensor = tf.add(tf.concat([first, embedded], 1), positions);
      for (const block of blocks) x = block(x);
      const pooled = tf.reshape(tf.slice(last(x), [0, 0, 0], [batch, 1, width]), [batch, width]);
      return crossEntropy(head(pooled), classes);
    },
  };
}

/** ResNet-50 up to its last feature map, [B, H/32, W/32, 2048]. */
function resnet50(weights: Weights, frozen: boolean): Layer {
  const unit = (input: number, output: number, kernel: number, stride = 1): Layer => {
    const convolve = convolution(weights, input, output, { kernel, stride });
    const normalize = batchNorm(weights, output, frozen);
    return (x) => normalize(convolve(x));
  };
  const stem = unit(3, 64, 7, 2);
  const blocks: Layer[] = [];
  let input = 64;
  [3, 4, 6, 3].forEach((depth, stage) => {
    const output = 256 * 2 ** stage;
    for (let i = 0; i < depth; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const shortcut: Layer = i === 0 ? unit(input, output, 1, stride) : (x) => x;
      const reduce = unit(input, output / 4, 1);
      const convolve = unit(output / 4, output / 4, 3, stride);
      const expand = unit(output / 4, output, 1);
      blocks.push((x) => tf.relu(tf.add(expand(tf.relu(convolve(tf.relu(reduce(x))))), shortcut(x))));
      input = output;
    }
  });
  return (x) => {
    let y: tf.Tensor = tf.maxPool(tf.relu(stem(x)) as tf.Tensor4D, 3, 2, 1);
    for (const block of blocks) y = block(y);
    return y;
  };
}

export function plainResnet50(classes: number): PlainModel {
  const weights = new Weights();
  const features = resnet50(weights, false);
  const head = dense(weights, 2048, classes);
  return {
    variables: weights.variables,
    loss: (images) => crossEntropy(head(tf.mean(features(images), [1, 2])), classes),
  };
}

export interface DetrShape {
  readonly width: number;
  readonly hidden: number;
  readonly heads: number;
  readonly layers: number;
  readonly queries: number;
  /** With "no object". */
  readonly classes: number;
}

/** Every query has a fixed class and box, so the host does not match: less work than Ocelli's step does. */
export function plainDetr({ width, hidden, heads, layers, queries, classes }: DetrShape): PlainModel {
  const weights = new Weights();
  const features = resnet50(weights, true);
  const projection = weights.normal([1, 1, 2048, width]);
  const projectionBias = weights.constant([width], 0);
  const feedForward = (): Layer => {
    const [up, down] = [dense(weights, width, hidden), dense(weights, hidden, width)];
    return (x) => down(tf.relu(up(x)));
  };
  const encoder = Array.from({ length: layers }, () => {
    const [attend, feed] = [attention(weights, width, heads), feedForward()];
    const [first, second] = [layerNorm(weights, width), layerNorm(weights, width)];
    return (x: tf.Tensor, positions: tf.Tensor): tf.Tensor => {
      const placed = tf.add(x, positions);
      const mixed = first(tf.add(x, attend(placed, placed, x)));
      return second(tf.add(mixed, feed(mixed)));
    };
  });
  const decoder = Array.from({ length: layers }, () => {
    const [attend, cross, feed] = [
      attention(weights, width, heads),
      attention(weights, width, heads),
      feedForward(),
    ];
    const norms = [0, 1, 2].map(() => layerNorm(weights, width)) as [Layer, Layer, Layer];
    return (x: tf.Tensor, query: tf.Tensor, memory: tf.Tensor, positions: tf.Tensor): tf.Tensor => {
      const placed = tf.add(x, query);
      const mixed = norms[0](tf.add(x, attend(placed, placed, x)));
      const seen = norms[1](tf.add(mixed, cross(tf.add(mixed, query), tf.add(memory, positions), memory)));
      return norms[2](tf.add(seen, feed(seen)));
    };
  });
  const query = weights.normal([1, queries, width]);
  const last = layerNorm(weights, width);
  const classHead = dense(weights, width, classes);
  const boxHead = [dense(weights, width, width), dense(weights, width, width), dense(weights, width, 4)];
  return {
    variables: weights.variables,
    loss(images) {
      const batch = images.shape[0];
      const map = features(images) as tf.Tensor4D;
      const projected = tf.add(
        tf.conv2d(map, projection as tf.Tensor as tf.Tensor4D, 1, 'valid'),
        projectionBias,
      );
      const tokens = map.shape[1] * map.shape[2];
      const positions = tf.tidy(() => tf.sin(tf.reshape(tf.range(0, tokens * width), [1, tokens, width])));
      let memory: tf.Tensor = tf.reshape(projected, [batch, tokens, width]);
      for (const layer of encoder) memory = layer(memory, positions);
      let x: tf.Tensor = tf.zeros([batch, queries, width]);
      const queriesOfBatch = tf.tile(query, [batch, 1, 1]);
      for (const layer of decoder) x = layer(x, queriesOfBatch, memory, positions);
      const outputs = last(x);
      let boxes = outputs;
      boxHead.forEach((layer, i) => {
        boxes = i < 2 ? tf.relu(layer(boxes)) : tf.sigmoid(layer(boxes));
      });
      const wanted = tf.fill([batch, queries, 4], 0.3);
      const distance = tf.mean(tf.abs(tf.sub(boxes, wanted)));
      const overlap = tf.mean(generalizedIou(boxes, wanted));
      const classLoss = crossEntropy(classHead(outputs), classes);
      return tf.add(classLoss, tf.sub(tf.mul(distance, 5), tf.mul(overlap, 2))) as tf.Scalar;
    },
  };
}

/** Of boxes [..., 4] as centre and size, pairwise. */
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
