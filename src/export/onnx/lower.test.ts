/**
 * Small functions through the whole path: recorded at some sizes, lowered, run by onnxruntime at sizes that
 * were not recorded, compared with TensorFlow.js.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { openOnnxSession } from '#platform';
import { derive } from '../../core/index.ts';
import { ops, recordGraph, tf } from '../../engine/index.ts';
import { decodeOnnx } from '../../formats/onnx/index.ts';
import { lowerToOnnx } from './lower.ts';
import { mustExpand } from './rows/index.ts';

type Fn = (inputs: Readonly<Record<string, tf.Tensor>>) => Readonly<Record<string, tf.Tensor>>;

beforeAll(async () => {
  await import('@tensorflow/tfjs-backend-cpu');
  await tf.setBackend('cpu');
});

function random(shape: readonly number[], seed = 1): tf.Tensor {
  const generator = derive(seed, ...shape);
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => generator.normal()),
    [...shape],
  );
}

let variables: Record<string, tf.Tensor> = {};
function weight(name: string, ...shape: number[]): tf.Tensor {
  variables[name] ??= tf.variable(random(shape, name.length), true);
  return variables[name];
}

/** Records at `sizes`, lowers, and compares at each of `sizes` and `others`. Returns the ONNX operators. */
async function check(
  fn: Fn,
  sizes: readonly number[][],
  others: readonly number[][] = [],
): Promise<string[]> {
  variables = {};
  const graphs = [];
  for (const shape of sizes) {
    fn({ x: random(shape) });
    graphs.push(
      await recordGraph(
        fn,
        { x: random(shape) },
        { parameters: Object.entries(variables), expand: mustExpand },
      ),
    );
  }
  const bytes = await lowerToOnnx(graphs, { parameters: variables });
  const session = await openOnnxSession(bytes, { device: 'cpu', threads: 1 });
  for (const shape of [...sizes, ...others]) {
    const x = random(shape, 7);
    const expected = fn({ x });
    const actual = await session.run({ x: { data: await x.data<'float32'>(), dtype: 'float32', shape } });
    for (const [name, tensor] of Object.entries(expected)) {
      expect(actual[name]!.shape).toEqual(tensor.shape);
      const wanted = await tensor.data();
      let worst = 0;
      for (let i = 0; i < wanted.length; i++)
        worst = Math.max(worst, Math.abs(Number(actual[name]!.data[i]) - wanted[i]!));
      expect(worst, `${name} at ${shape}`).toBeLessThan(2e-5);
    }
  }
  await session.dispose();
  return decodeOnnx(bytes).graph.node.map((node) => node.opType);
}

describe('lowering to ONNX', () => {
  it('runs a convolutional net without a single transpose', async () => {
    const used = await check(
      ({ x }) => {
        const image = tf.transpose(x!, [0, 2, 3, 1]);
        let y = ops.conv2d(image, weight('a', 4, 3, 3, 3), { stride: 2, padding: 1 });
        y = ops.frozenBatchNorm(
          y,
          weight('w', 4),
          weight('b', 4),
          weight('mm', 4),
          tf.abs(weight('vvv', 4)),
          1e-5,
        );
        y = ops.relu(tf.add(y, weight('bias', 4)));
        const shortcut = ops.conv2d(y, weight('cc', 4, 4, 1, 1));
        y = tf.add(ops.conv2d(y, weight('ddd', 4, 2, 3, 3), { padding: 1, groups: 2 }), shortcut);
        y = ops.maxPool2d(y, { kernel: 3, stride: 2, padding: 1 });
        return { y: tf.mean(y, [1, 2]) };
      },
      [
        [2, 3, 16, 16],
        [3, 3, 20, 12],
        [4, 3, 9, 21],
      ],
      [[1, 3, 33, 14]],
    );
    expect(used.filter((op) => op === 'Transpose')).toEqual([]);
    expect(used).toContain('BatchNormalization');
  });

  it('runs a transformer block with any batch', async () => {
    const used = await check(
      ({ x }) => {
        const [batch, tokens] = x!.shape as [number, number, number];
        const heads = (y: tf.Tensor): tf.Tensor =>
          tf.transpose(tf.reshape(y, [batch, tokens, 2, 4]), [0, 2, 1, 3]);
        const normal = ops.layerNorm(x!, weight('g', 8), weight('be', 8), 1e-12);
        const [q, k, v] = ['q..', 'k...', 'v....'].map((name) =>
          heads(ops.linear(normal, weight(name, 8, 8), weight(`${name}_b`, 8))),
        );
        const attended = ops.attention(q!, k!, v!);
        const merged = tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [batch, tokens, 8]);
        const hidden = ops.gelu(ops.linear(tf.add(x!, merged), weight('up', 16, 8)));
        const cls = tf.tile(weight('cls', 1, 1, 16), [batch, 1, 1]);
        return { y: tf.concat([cls, hidden], 1), first: tf.slice(hidden, [0, 0, 0], [batch, 1, 16]) };
      },
      [
        [2, 5, 8],
        [3, 5, 8],
      ],
      [
        [1, 5, 8],
        [7, 5, 8],
      ],
    );
    expect(used).toContain('LayerNormalization');
  });

  it('computes sizes at run time: tokens of any image, a sine table, a resized table', async () => {
    await check(
      ({ x }) => {
        const [batch, , height, width] = x!.shape as [number, number, number, number];
        const patches = ops.conv2d(tf.transpose(x!, [0, 2, 3, 1]), weight('p', 6, 3, 4, 4), { stride: 4 });
        const [, rows, columns] = patches.shape as [number, number, number, number];
        const tokens = tf.reshape(patches, [batch, rows * columns, 6]);
        const table = ops.interpolate(weight('table', 1, 3, 5, 6), {
          size: [rows, columns],
          mode: 'bicubic',
        });
        const mask = tf.ones([batch, height, width, 1]);
        const small = ops.interpolate(mask, { size: [rows, columns], mode: 'nearest' });
        const y = tf.cumsum(tf.squeeze(small, [3]), 1);
        const last = tf.slice(y, [0, rows - 1, 0], [batch, 1, columns]);
        const angle = tf.div(y, tf.add(last, 1e-6));
        const sine = tf.reshape(tf.stack([tf.sin(angle), tf.cos(angle)], 3), [batch, rows * columns, 2]);
        const positioned = tf.add(tokens, tf.reshape(table, [1, rows * columns, 6]));
        const queries = tf.zeros([batch, 4, 8]);
        return { y: tf.concat([queries, tf.concat([positioned, sine], 2)], 1) };
      },
      [
        [2, 3, 16, 24],
        [3, 3, 33, 16],
        [4, 3, 24, 45],
        [2, 3, 40, 36],
      ],
      [
        [1, 3, 20, 20],
        [2, 3, 51, 17],
      ],
    );
  });

  it('runs element-wise kernels and comparisons, with numbers of either sign', async () => {
    await check(
      ({ x }) => {
        const positive = tf.add(tf.abs(x!), 0.5);
        const parts = [
          tf.erf(x!),
          tf.expm1(x!),
          tf.log1p(positive),
          tf.rsqrt(positive),
          tf.square(x!),
          tf.reciprocal(positive),
          tf.clipByValue(x!, -0.5, 0.5),
          tf.leakyRelu(x!, 0.1),
          tf.elu(x!),
          tf.softplus(x!),
          tf.cast(tf.floorDiv(x!, positive), 'float32'),
          tf.mod(x!, positive),
          tf.squaredDifference(x!, 0.3),
          tf.maximum(x!, 0.1),
          tf.minimum(x!, 0.1),
          tf.pow(positive, 1.5),
          tf.where(tf.logicalAnd(tf.greater(x!, 0), tf.less(x!, 1)), x!, tf.neg(x!)),
          tf.cast(tf.notEqual(tf.cast(x!, 'int32'), 0), 'float32'),
          tf.cast(tf.logicalNot(tf.lessEqual(x!, 0)), 'float32'),
          tf.step(x!),
          tf.round(x!),
          tf.sign(x!),
          tf.relu6(tf.mul(x!, 5)),
          ops.geluTanh(x!),
          ops.quickGelu(x!),
          ops.silu(x!),
          ops.hardSwish(tf.mul(x!, 3)),
          tf.zerosLike(x!),
          tf.onesLike(x!),
        ];
        return { y: tf.stack(parts, 0) };
      },
      [
        [2, 7],
        [3, 7],
      ],
      [[1, 7]],
    );
  });

  it('runs kernels that move and reduce numbers', async () => {
    await check(
      ({ x }) => {
        const batch = x!.shape[0]!;
        const [a, b] = tf.split(x!, [2, 4], 1);
        const turned = tf.transpose(x!, [0, 2, 3, 1]);
        return {
          parts: tf.concat([b!, a!], 1),
          unstacked: tf.unstack(x!, 3)[1]!,
          padded: tf.pad(
            turned,
            [
              [0, 0],
              [1, 2],
              [0, 1],
              [0, 0],
            ],
            0.25,
          ),
          strided: tf.stridedSlice(turned, [0, 0, 0, 0], turned.shape as number[], [1, 2, 1, 1]),
          mirrored: tf.mirrorPad(
            turned as tf.Tensor4D,
            [
              [0, 0],
              [1, 1],
              [1, 0],
              [0, 0],
            ],
            'reflect',
          ),
          reversed: tf.reverse(turned, [1, 2]),
          gathered: tf.gather(x!, tf.tensor1d([3, 0], 'int32'), 2),
          mean: tf.mean(turned, [1, 2]),
          max: tf.max(turned, 3),
          sum: tf.sum(turned, 3, true),
          all: tf.sum(x!),
          softmax: tf.softmax(x!),
          own: ops.softmax(turned),
          logs: ops.logSoftmax(x!),
          arg: tf.argMax(x!, 1),
          running: tf.cumsum(x!, 2, true, true),
          hot: tf.oneHot(tf.argMax(x!, 1) as tf.Tensor, 6),
          product: tf.matMul(tf.reshape(x!, [batch, 6, 20]), tf.reshape(x!, [batch, 6, 20]), true, false),
          einsum: tf.einsum('bchw,bdhw->bcd', x!, x!),
          linear: tf.image.resizeBilinear(turned as tf.Tensor4D, [7, 3], false, true),
          near: tf.image.resizeNearestNeighbor(turned as tf.Tensor4D, [7, 3]),
          average: ops.averagePool2d(turned, { kernel: 2, padding: 1 }),
          pooled: ops.adaptiveAveragePool2d(turned, [2, 3]),
          expanded: tf.expandDims(tf.squeeze(tf.slice(x!, [0, 1, 0, 0], [batch, 1, 4, 5]), [1]), 2),
        };
      },
      [
        [2, 6, 4, 5],
        [3, 6, 4, 5],
      ],
      [[1, 6, 4, 5]],
    );
  });

  it('names the tensor that bakes in a size', async () => {
    const fn: Fn = ({ x }) => ({
      y: tf.add(x!, tf.tensor1d(Array.from({ length: x!.shape[1]! }, (_, i) => i * i + 1))),
    });
    const graphs = [
      await recordGraph(fn, { x: random([2, 3]) }),
      await recordGraph(fn, { x: random([3, 4]) }),
    ];
    await expect(lowerToOnnx(graphs, { parameters: {} })).rejects.toThrow(
      /host-made tensor \[{3, 4}\].*read by Add/,
    );
  });

  it('says so when the structure depends on the size', async () => {
    const fn: Fn = ({ x }) => ({ y: x!.shape[0] === 2 ? tf.neg(x!) : tf.abs(x!) });
    const graphs = [await recordGraph(fn, { x: random([2]) }), await recordGraph(fn, { x: random([3]) })];
    await expect(lowerToOnnx(graphs, { parameters: {} })).rejects.toThrow(
      /Neg at one size and Abs at another/,
    );
  });
});
