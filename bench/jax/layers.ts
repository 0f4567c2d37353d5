/**
 * Layers on jax-js. Its arrays are counted by hand: a function takes over what it is given, and `.ref` keeps one
 * for another use. Pictures are [batch, channels, height, width] and filters [out, in, height, width] there.
 */
import { lax, nn, numpy as np } from '@jax-js/jax';

export type JaxArray = np.Array;

/** Parameters by name; a layer takes what it reads over. */
export type JaxTree = { [name: string]: JaxArray };

/** x [..., in] with `<name>.weight` [in, out]. */
export function dense(p: JaxTree, name: string, x: JaxArray): JaxArray {
  return np.matmul(x, p[`${name}.weight`]!).add(p[`${name}.bias`]!);
}

export function layerNorm(p: JaxTree, name: string, x: JaxArray, epsilon = 1e-5): JaxArray {
  return nn.standardize(x, -1, { epsilon }).mul(p[`${name}.weight`]!).add(p[`${name}.bias`]!);
}

export function gelu(x: JaxArray): JaxArray {
  return nn.gelu(x, { approximate: false });
}

/** `names` of query, key, value, output; [batch, tokens, width]. */
export function selfAttention(
  p: JaxTree,
  names: readonly [string, string, string, string],
  x: JaxArray,
  heads: number,
): JaxArray {
  const [batch, tokens, width] = x.shape as [number, number, number];
  const split = (name: string, order: number[]): JaxArray =>
    np.transpose(dense(p, name, x.ref).reshape([batch, tokens, heads, width / heads]), order);
  const [query, key, value] = [
    split(names[0], [0, 2, 1, 3]),
    split(names[1], [0, 2, 3, 1]),
    split(names[2], [0, 2, 1, 3]),
  ];
  x.dispose();
  // Its own dotProductAttention goes through einsum, which needs Node 22.
  const scores = np.matmul(query, key).mul(1 / Math.sqrt(width / heads));
  const mixed = np.matmul(nn.softmax(scores, -1), value);
  return dense(p, names[3], np.transpose(mixed, [0, 2, 1, 3]).reshape([batch, tokens, width]));
}

/** Without bias; padding keeps the size at stride 1. */
export function convolution(p: JaxTree, name: string, x: JaxArray, stride: number): JaxArray {
  const filter = p[`${name}.weight`]!;
  const padding = (filter.shape[2]! - 1) / 2;
  return lax.conv(
    x,
    filter,
    [stride, stride],
    [
      [padding, padding],
      [padding, padding],
    ],
  );
}

/** By the batch's statistics; the new running ones go into `moved`. */
export function batchNorm(
  p: JaxTree,
  statistics: JaxTree,
  moved: JaxTree,
  name: string,
  x: JaxArray,
  momentum = 0.1,
): JaxArray {
  const channels = x.shape[1]!;
  const count = x.size / channels;
  const mean = np.mean(x.ref, [0, 2, 3]);
  const centred = x.sub(mean.ref.reshape([1, channels, 1, 1]));
  const variance = np.mean(np.square(centred.ref), [0, 2, 3]);
  const move = (part: string, now: JaxArray): void => {
    const key = `${name}.${part}`;
    moved[key] = statistics[key]!.mul(1 - momentum).add(lax.stopGradient(now).mul(momentum));
  };
  move('running_mean', mean);
  move('running_var', variance.ref.mul(count / (count - 1)));
  const scale = p[`${name}.weight`]!.div(np.sqrt(variance.add(1e-5)));
  return centred.mul(scale.reshape([1, channels, 1, 1])).add(p[`${name}.bias`]!.reshape([1, channels, 1, 1]));
}

/** Mean over the batch; `labels` one-hot [batch, classes]. */
export function crossEntropy(logits: JaxArray, labels: JaxArray): JaxArray {
  const batch = logits.shape[0]!;
  return np.sum(nn.logSoftmax(logits, -1).mul(labels)).mul(-1 / batch);
}
