import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import * as ops from '../../ops/index.ts';
import { always } from '../../testing/always.ts';
import { expectSameAsCpu, normal } from '../../testing/compiled.ts';
import { openTestGpu } from '../../testing/run-plan.ts';
import * as tf from '../../tf.ts';
import {
  chooseTile,
  invocationsOf,
  isUsable,
  parseTile,
  productKey,
  tileCandidates,
  tileName,
  workgroupBytes,
} from './mat-mul-tiles.ts';

const gpu = await openTestGpu();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Both ways of multiplying, blocks small enough for a software adapter to compile them soon. */
const kinds = [
  { kind: 'blocks in workgroup memory', options: { software: true, tuning: always('tile 16x32x8/2x4') } },
  { kind: 'registers alone', options: { software: true } },
];

describe.skipIf(!gpu).each(kinds)('products with $kind', ({ options }) => {
  const compare = (
    fn: (inputs: Readonly<Record<string, tf.Tensor>>) => Record<string, tf.Tensor>,
    inputs: Readonly<Record<string, tf.Tensor>>,
  ) => expectSameAsCpu(gpu!, fn, inputs, 4e-6, options);

  it.each([
    [17, 65, 33],
    [37, 64, 36],
  ])('%i × %i × %i, all four transpositions', async (rows, depth, columns) => {
    const inputs = {
      a: normal([rows, depth], 1),
      at: normal([depth, rows], 2),
      b: normal([depth, columns], 3),
      bt: normal([columns, depth], 4),
    };
    await compare(
      ({ a, at, b, bt }) => ({
        nn: tf.matMul(a!, b!),
        tn: tf.matMul(at!, b!, true, false),
        nt: tf.matMul(a!, bt!, false, true),
        tt: tf.matMul(at!, bt!, true, true),
      }),
      inputs,
    );
  });

  it.each([
    [1, 1, 1],
    [70, 12, 1],
    [1, 70, 36],
    [8, 100, 130],
  ])('%i × %i × %i', async (rows, depth, columns) => {
    await compare(({ a, b }) => ({ y: tf.matMul(a!, b!) }), {
      a: normal([rows, depth], 1),
      b: normal([depth, columns], 3),
    });
  });

  it('batches: one by one, broadcast, one for all', async () => {
    await compare(
      ({ a, b, c, d }) => ({
        each: tf.matMul(a!, b!),
        spread: tf.matMul(a!, c!),
        all: tf.matMul(a!, d!),
      }),
      { a: normal([2, 3, 7, 12]), b: normal([2, 3, 12, 9]), c: normal([1, 3, 12, 5]), d: normal([12, 8]) },
    );
  });

  it('reads views and writes what follows', async () => {
    const plan = await compare(
      ({ x, w, b, r }) => {
        const heads = tf.transpose(tf.reshape(x!, [2, 9, 3, 4]), [0, 2, 1, 3]);
        const scores = tf.matMul(heads, heads, false, true);
        const y = tf.add(ops.gelu(tf.add(tf.matMul(tf.slice(x!, [0, 1, 0], [2, 8, 12]), w!), b!)), r!);
        return { scores: tf.mul(scores, 0.5), y };
      },
      { x: normal([2, 9, 12]), w: normal([2, 12, 10]), b: normal([10]), r: normal([2, 8, 10]) },
    );
    expect(plan.kernels.filter(({ flops }) => flops > 1000).length).toBeGreaterThanOrEqual(2);
  });

  it('linear layers, forward and backward, take one kernel a product', async () => {
    const plan = await compare(
      ({ x, w, b, dy }) => {
        const layer = (...[input, weight, bias]: tf.Tensor[]): tf.Tensor =>
          ops.linear(input!, weight!, bias!);
        const [dx, dw, db] = tf.grads(layer)([x!, w!, b!], dy!);
        return { y: layer(x!, w!, b!), dx: dx!, dw: dw!, db: db! };
      },
      { x: normal([2, 5, 24]), w: normal([20, 24]), b: normal([20]), dy: normal([2, 5, 20]) },
    );
    expect(plan.kernels.length).toBeLessThanOrEqual(5);
  });

  it('weights that many rows use are put in order first', async () => {
    const weight = normal([20, 23]);
    const kernelsFor = async (rows: number): Promise<string[]> => {
      const inputs = {
        x: normal([rows, 23]),
        w: weight,
        k: normal([20, 24, 1, 1]),
        p: normal([1, 1, rows, 24]),
      };
      const { kernels } = await compare(({ x, w, k, p }) => {
        return { y: ops.linear(x!, w!), z: ops.conv2d(p!, k!, {}) };
      }, inputs);
      return kernels.map(({ label }) => label).filter((label) => label.endsWith('order'));
    };
    expect(await kernelsFor(47)).toEqual([]);
    expect(await kernelsFor(48)).toHaveLength(2);
  });

  it('sums up long sums, in parts where the form was not measured', async () => {
    const plan = await compare(({ a, b }) => ({ y: tf.add(tf.matMul(a!, b!, true, false), 1) }), {
      a: tf.mul(normal([9001, 6], 1), 0.02),
      b: normal([9001, 10], 2),
    });
    const parts = 'tuning' in options ? 1 : 2;
    expect(plan.kernels).toHaveLength(parts);
  });
});

describe.skipIf(!gpu)('a tile that was measured', () => {
  const shape = { batch: 2, rows: 67, columns: 70, depth: 44 };
  const names = ['tile 128x64x16/8x4', 'tile 32x32x16/2x4/3', 'direct 32x8x2/4x8/2'];
  it.each(names)('%s', async (name) => {
    const tuning = new Map(['nn', 'nt', 'tn'].map((way) => [productKey(`MatMul/${way}`, shape), name]));
    const plan = await expectSameAsCpu(
      gpu!,
      ({ a, b, at, bt }) => ({
        nn: tf.matMul(a!, b!),
        nt: tf.matMul(a!, bt!, false, true),
        tn: tf.matMul(at!, b!, true, false),
      }),
      { a: normal([2, 67, 44]), b: normal([2, 44, 70]), at: normal([2, 44, 67]), bt: normal([2, 70, 44]) },
      4e-6,
      { tuning },
    );
    const { rows, columns, splits } = parseTile(name)!;
    const groups = 2 * splits * Math.ceil(67 / rows) * Math.ceil(70 / columns);
    expect(plan.kernels[0]!.workgroups).toEqual([groups, 1, 1]);
  });

  // A note of the machine may come from another build, or be spoiled.
  it.each([
    'tile 7x9x5/2x3',
    'tile 0x0x0/0x0',
    'tile 4096x4096x16/4x4',
    'matrix 64x64x16/32x32',
    'direct 1048576x4x1/1048576x4',
    'none',
  ])('%s is no tile here: the default is taken', async (name) => {
    const product = ({ a, b }: Readonly<Record<string, tf.Tensor>>) => ({ y: tf.matMul(a!, b!) });
    const inputs = { a: normal([2, 67, 44]), b: normal([2, 44, 70]) };
    const { kernels } = await expectSameAsCpu(gpu!, product, inputs, 4e-6, { tuning: always(name) });
    const plain = await expectSameAsCpu(gpu!, product, inputs, 4e-6, { tuning: new Map() });
    expect(kernels.map(({ wgsl }) => wgsl)).toEqual(plain.kernels.map(({ wgsl }) => wgsl));
  });
});

describe('tiles', () => {
  const gpuTarget = { software: false, workgroupStorage: 16384, invocations: 256 };
  it('stay within the limits of the adapter', () => {
    for (const target of [gpuTarget, { ...gpuTarget, invocations: 128 }, { ...gpuTarget, software: true }]) {
      for (const tile of tileCandidates({ batch: 1, rows: 1000, columns: 1000, depth: 100 }, target)) {
        expect(workgroupBytes(tile)).toBeLessThanOrEqual(16384);
        expect(invocationsOf(tile)).toBeLessThanOrEqual(target.invocations);
        expect(parseTile(tileName(tile))).toEqual(tile);
      }
    }
  });

  it('are large for large products, and split where there are few results', () => {
    const large = chooseTile({ batch: 1, rows: 4096, columns: 4096, depth: 1024 }, gpuTarget);
    expect([large.rows * large.columns, large.splits]).toEqual([128 * 128, 1]);
    const gradient = chooseTile({ batch: 1, rows: 64, columns: 64, depth: 50176 }, gpuTarget);
    expect(gradient.splits).toBeGreaterThan(8);
    const few = chooseTile({ batch: 1, rows: 4, columns: 1000, depth: 768 }, gpuTarget);
    expect(few.rows).toBeLessThanOrEqual(32);
  });

  it('are the larger ones on a processor where a product earns back what they take to compile', () => {
    const software = { ...gpuTarget, software: true };
    const results = (size: number): number => {
      const { perRow, perColumn } = chooseTile(
        { batch: 1, rows: size, columns: size, depth: size },
        software,
      );
      return perRow * perColumn;
    };
    expect([results(128), results(512)]).toEqual([64, 128]);
  });

  it('are refused by a name that is none, or is too large', () => {
    expect(parseTile('128x128')).toBeUndefined();
    const named = (name: string): boolean => isUsable(parseTile(name)!, gpuTarget);
    expect(named('tile 64x64x16/4x4')).toBe(true);
    expect(named('tile 64x64x16/4x2')).toBe(false);
    expect(named('tile 64x64x6/4x4')).toBe(false);
    expect(named('tile 512x512x16/4x4')).toBe(false);
    expect(named('direct 4x64x1/4x8/0')).toBe(false);
    // So many results an invocation would be a shader without end.
    expect(named('direct 1048576x4x1/1048576x4')).toBe(false);
  });
});
