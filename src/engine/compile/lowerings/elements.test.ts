import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, it } from 'vitest';
import * as ops from '../../ops/index.ts';
import { expectSameAsCpu, normal } from '../../testing/compiled.ts';
import { openTestGpu } from '../../testing/run-plan.ts';
import * as tf from '../../tf.ts';

const gpu = await openTestGpu();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const positive = (x: tf.Tensor): tf.Tensor => tf.add(tf.abs(x), 0.1);

describe.skipIf(!gpu)('arithmetic', () => {
  it('computes every function of one number as the cpu backend does', async () => {
    const x = tf.concat([tf.tensor1d([0, -0.5, 1, -1, 2.5, -2.5, 1e-4, -1e-4, 30, -30]), normal([55])]);
    await expectSameAsCpu(
      gpu!,
      ({ x }) => ({
        abs: tf.abs(x!),
        neg: tf.neg(x!),
        square: tf.square(x!),
        sqrt: tf.sqrt(positive(x!)),
        rsqrt: tf.rsqrt(positive(x!)),
        reciprocal: tf.reciprocal(positive(x!)),
        sign: tf.sign(x!),
        floor: tf.floor(x!),
        ceil: tf.ceil(x!),
        round: tf.round(x!),
        log: tf.log(positive(x!)),
        sin: tf.sin(x!),
        cos: tf.cos(x!),
        atan: tf.atan(x!),
        tanh: tf.tanh(x!),
        sigmoid: tf.sigmoid(x!),
        softplus: tf.softplus(x!),
        relu: tf.relu(x!),
        relu6: tf.relu6(x!),
        elu: tf.elu(x!),
        selu: tf.selu(x!),
        leaky: tf.leakyRelu(x!, 0.1),
        step: tf.step(x!),
        clip: tf.clipByValue(x!, -0.5, 1.5),
        erf: tf.erf(x!),
        log1p: tf.log1p(positive(x!)),
        bits: tf.cast(tf.isFinite(tf.div(1, x!)), 'float32'),
        nan: tf.cast(tf.isNaN(tf.sqrt(x!)), 'float32'),
        gelu: ops.gelu(x!),
        geluTanh: ops.geluTanh(x!),
        quickGelu: ops.quickGelu(x!),
        silu: ops.silu(x!),
        hardSwish: ops.hardSwish(x!),
      }),
      { x },
      4e-6,
    );
    await expectSameAsCpu(
      gpu!,
      ({ x }) => {
        const small = tf.clipByValue(x!, -3, 3);
        return { exp: tf.exp(small), expm1: tf.expm1(small), sinh: tf.sinh(small), cosh: tf.cosh(small) };
      },
      { x },
    );
  });

  it('knows sines and cosines to the last bits, whatever the adapter thinks of them', async () => {
    const x = tf.linspace(-300, 300, 4001);
    await expectSameAsCpu(gpu!, ({ x }) => ({ sine: tf.sin(x!), cosine: tf.cos(x!) }), { x }, 2e-7);
  });

  it('broadcasts two operands over any rank', async () => {
    for (const [a, b] of [
      [[], []],
      [[1], [17]],
      [[3, 17], [17]],
      [
        [3, 1, 5],
        [4, 1],
      ],
      [
        [2, 3, 4, 5],
        [3, 1, 5],
      ],
      [
        [2, 1, 3, 1, 2, 5],
        [1, 4, 1, 3, 1, 1],
      ],
      [[1000], [1]],
    ] as const) {
      await expectSameAsCpu(
        gpu!,
        ({ a, b }) => ({
          add: tf.add(a!, b!),
          sub: tf.sub(a!, b!),
          mul: tf.mul(a!, b!),
          div: tf.div(a!, positive(b!)),
          max: tf.maximum(a!, b!),
          min: tf.minimum(a!, b!),
          squaredDifference: tf.squaredDifference(a!, b!),
        }),
        { a: normal(a), b: normal(b, 2) },
      );
    }
  });

  it('compares, combines and chooses', async () => {
    await expectSameAsCpu(
      gpu!,
      ({ a, b }) => {
        const bools = {
          greater: tf.greater(a!, b!),
          greaterEqual: tf.greaterEqual(a!, b!),
          less: tf.less(a!, b!),
          lessEqual: tf.lessEqual(a!, b!),
          equal: tf.equal(a!, b!),
          notEqual: tf.notEqual(a!, b!),
        };
        return {
          ...bools,
          and: tf.logicalAnd(bools.greater, bools.notEqual),
          or: tf.logicalOr(bools.less, bools.equal),
          not: tf.logicalNot(bools.greater),
          where: tf.where(bools.greater, a!, tf.neg(b!)),
          float: tf.cast(bools.greater, 'float32'),
          int: tf.cast(tf.mul(a!, 10), 'int32'),
          truth: tf.cast(a!, 'bool'),
        };
      },
      { a: tf.round(normal([5, 13])), b: tf.round(normal([5, 13], 2)) },
    );
  });

  it('divides and takes powers as the cpu backend does', async () => {
    const a = tf.tensor1d([7, -7, 7, -7, 0, 6, -6]);
    const b = tf.tensor1d([2, 2, -2, -2, 3, 3, 3]);
    await expectSameAsCpu(
      gpu!,
      ({ a, b, i, j }) => ({
        floorDiv: tf.floorDiv(a!, b!),
        mod: tf.mod(a!, b!),
        pow: tf.pow(a!, b!),
        square: tf.pow(a!, 2),
        cube: tf.pow(a!, tf.scalar(3)),
        integers: tf.add(tf.mul(i!, j!), tf.floorDiv(i!, j!)),
        noNan: tf.divNoNan(a!, tf.sub(b!, 2)),
      }),
      { a, b, i: tf.cast(a, 'int32'), j: tf.cast(b, 'int32') },
    );
  });

  it('makes infinities and NaN where they are asked for', async () => {
    await expectSameAsCpu(
      gpu!,
      ({ x }) => ({
        up: tf.where(tf.greater(x!, 0), x!, Number.POSITIVE_INFINITY),
        down: tf.where(tf.greater(x!, 0), x!, tf.fill([2], Number.NEGATIVE_INFINITY)),
        nan: tf.where(tf.greater(x!, 0), x!, Number.NaN),
      }),
      { x: tf.tensor1d([1, -1]) },
    );
  });
});
