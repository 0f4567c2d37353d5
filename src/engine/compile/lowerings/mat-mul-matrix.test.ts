/**
 * Products by subgroup matrices. No adapter that tests run on has them, so two things are held apart: the kernels as
 * they are must be valid for Dawn (whose null backend takes the feature and checks, and runs nothing), and with the
 * few lines that are the device's own written out as loops they must compute what the cpu backend does.
 */
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { create } from 'webgpu';
import { recordGraph, replayGraph } from '../../graph/index.ts';
import * as ops from '../../ops/index.ts';
import { always } from '../../testing/always.ts';
import { expandUnlowered, normal } from '../../testing/compiled.ts';
import { openTestGpu, runPlan } from '../../testing/run-plan.ts';
import * as tf from '../../tf.ts';
import { type KernelPlan, planGraph } from '../index.ts';
import {
  isUsable,
  matrixCandidates,
  parseTile,
  productKey,
  type SubgroupMatrices,
  tileName,
} from './mat-mul-tiles.ts';

type Tensors = Readonly<Record<string, tf.Tensor>>;

const gpu = await openTestGpu();
const hasHalf = gpu?.features.includes('shader-f16') ?? false;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

interface Case {
  inputs(): Tensors;
  run(given: Tensors): Record<string, tf.Tensor>;
}

/** All transpositions, sizes that leave rests, a batch, and what follows a product. */
const products: Case = {
  inputs: (): Tensors => ({
    a: normal([2, 19, 20], 1),
    b: normal([2, 20, 18], 2),
    bt: normal([2, 18, 20], 3),
    at: normal([2, 20, 19], 4),
  }),
  run: ({ a, b, bt, at }: Tensors): Record<string, tf.Tensor> => ({
    nn: tf.relu(tf.matMul(a!, b!)),
    nt: tf.matMul(a!, bt!, false, true),
    tn: tf.matMul(at!, b!, true, false),
    tt: tf.matMul(at!, bt!, true, true),
  }),
};

const convolutions: Case = {
  inputs: (): Tensors => ({
    x: normal([1, 6, 7, 16], 1),
    weight: normal([16, 16, 3, 3], 2).mul(0.3),
    dy: normal([1, 3, 4, 16], 3),
  }),
  run({ x, weight, dy }: Tensors): Record<string, tf.Tensor> {
    const layer = (...[image, filter]: tf.Tensor[]): tf.Tensor =>
      ops.conv2d(image!, filter!, { padding: 1, stride: 2 });
    const [dx, dw] = tf.grads(layer)([x!, weight!], dy!);
    return { y: layer(x!, weight!), dx: dx!, dw: dw! };
  },
};

const cases = [
  ['matrix products', products],
  ['convolutions', convolutions],
] as const;

async function planned({ inputs, run }: Case, matrices: SubgroupMatrices, form: string): Promise<KernelPlan> {
  const graph = await recordGraph(run, inputs(), { expand: expandUnlowered });
  return planGraph(graph, {
    features: new Set(['shader-f16', 'subgroups']),
    limits: gpu?.limits ?? {},
    software: false,
    subgroup: matrices.size,
    precision: 'fp16',
    matrices,
    tuning: always(form),
  });
}

const isProduct = ({ wgsl }: { readonly wgsl: string }): boolean => wgsl.includes('subgroupMatrix');

/** The device's own lines as loops: every invocation has whole matrices. */
function writtenOut(wgsl: string, { M, N, K, size }: SubgroupMatrices): string {
  // A length that the compiler can't know: it would write the loops out.
  const loop = (name: string, end: number, inside: string): string =>
    `for (var ${name} = 0; ${name} < min(${end}, i32(arrayLength(&b0))); ${name}++) { ${inside} }`;
  const load = (text: string, side: string, rows: number, columns: number): string =>
    text.replace(
      new RegExp(
        `fn load${side}\\(offset: i32\\).* subgroupMatrixLoad<${side}, (\\w+)>\\(&(\\w+), u32\\(offset\\), (\\d+)u\\); \\}`,
      ),
      (_, order: string, memory: string, stride: string) => {
        const at = order === 'row_major' ? `row * ${stride} + column` : `column * ${stride} + row`;
        const read = `m[row * ${columns} + column] = f32(${memory}[offset + ${at}]);`;
        const all = loop('row', rows, loop('column', columns, read));
        return `fn load${side}(offset: i32) -> ${side} { var m: ${side}; ${all} return m; }`;
      },
    );
  const product = loop(
    'i',
    M,
    loop('j', N, loop('k', K, `m[i * ${N} + j] += a[i * ${K} + k] * b[k * ${N} + j];`)),
  );
  const text = wgsl
    .replace(/enable (subgroups|chromium_experimental_subgroup_matrix);\n/g, '')
    .replace(', @builtin(subgroup_id) subgroup_id: u32', '')
    .replace('i32(subgroup_id)', `i32(lane) / ${size}`)
    .replace(/alias Left = .*;/, `alias Left = array<f32, ${M * K}>;`)
    .replace(/alias Right = .*;/, `alias Right = array<f32, ${K * N}>;`)
    .replace(/alias Sums = .*;/, `alias Sums = array<f32, ${M * N}>;`)
    .replace(
      /fn multiplied.*\}/,
      `fn multiplied(a: Left, b: Right, sums: Sums) -> Sums { var m = sums; ${product} return m; }`,
    )
    .replace(
      /fn stage.*\}/,
      `fn stage(offset: i32, sums: Sums) { ${loop('i', M * N, 'staged[offset + i] = sums[i];')} }`,
    );
  const plain = load(load(text, 'Left', M, K), 'Right', K, N);
  expect(plain).not.toContain('subgroup');
  return plain;
}

describe('products by subgroup matrices', () => {
  it.each(cases)('are valid for Dawn: %s', async (_, one) => {
    const dawn = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
    const adapter = await dawn.requestAdapter();
    const feature = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;
    const device = await adapter!.requestDevice({ requiredFeatures: ['shader-f16', 'subgroups', feature] });
    const plan = await planned(one, { M: 16, N: 16, K: 16, size: 32 }, 'matrix 64x64x32/32x32');
    const kernels = plan.kernels.filter(isProduct);
    expect(kernels.length).toBeGreaterThanOrEqual(3);
    for (const { wgsl } of kernels) {
      device.pushErrorScope('validation');
      const module = device.createShaderModule({ code: wgsl });
      device.createComputePipeline({ layout: 'auto', compute: { module } });
      expect((await device.popErrorScope())?.message).toBeUndefined();
      expect((await module.getCompilationInfo()).messages.map(({ message }) => message)).toEqual([]);
    }
    device.destroy();
  });

  it.skipIf(!hasHalf)('compute what the cpu backend does, with their own lines as loops', async () => {
    const matrices = { M: 4, N: 4, K: 4, size: 4 };
    for (const [name, { inputs: inputsOf, run }] of cases) {
      // Compiling them takes a processor seconds each: both orders of both operands, and taps.
      const some = (given: Tensors): Record<string, tf.Tensor> => {
        const { nn, tt, dx } = run(given);
        return Object.fromEntries(Object.entries({ nn, tt, dx }).filter(([, tensor]) => tensor)) as Record<
          string,
          tf.Tensor
        >;
      };
      const one = { inputs: inputsOf, run: some };
      const plan = await planned(one, matrices, 'matrix 8x8x8/4x8');
      expect(plan.kernels.some(isProduct)).toBe(true);
      const kernels = plan.kernels.map((kernel) =>
        isProduct(kernel) ? { ...kernel, wgsl: writtenOut(kernel.wgsl, matrices) } : kernel,
      );
      const inputs = one.inputs();
      const fed = Object.fromEntries(
        Object.entries(inputs).map(([key, tensor]) => [key, tensor.dataSync() as Float32Array]),
      );
      const received = await runPlan(gpu!, { ...plan, kernels }, { inputs: fed });
      const graph = await recordGraph(one.run, inputs, { expand: expandUnlowered });
      for (const [key, tensor] of Object.entries(replayGraph(graph, inputs, {}))) {
        const numbers = tensor.dataSync();
        const largest = Math.max(...numbers.map(Math.abs));
        const worst = Math.max(...numbers.map((number, i) => Math.abs(received[key]![i]! - number)));
        expect(worst / largest, `${name} ${key}`).toBeLessThan(2e-3);
      }
    }
  });

  const target = {
    software: false,
    workgroupStorage: 32_768,
    invocations: 256,
    matrices: { M: 16, N: 16, K: 16, size: 32 },
  };

  it('are offered where the device has matrices that fit, and never by default', () => {
    const shape = { batch: 1, rows: 4096, columns: 4096, depth: 1024 };
    const found = matrixCandidates(shape, target);
    expect(found).toHaveLength(2);
    for (const tile of found) {
      expect(isUsable(tile, target)).toBe(true);
      expect(parseTile(tileName(tile))).toEqual(tile);
      expect(isUsable(tile, { ...target, matrices: undefined })).toBe(false);
      expect(isUsable(tile, { ...target, matrices: { M: 48, N: 16, K: 16, size: 32 } })).toBe(false);
    }
    expect(matrixCandidates(shape, { ...target, matrices: undefined })).toEqual([]);
    expect(productKey('f16 MatMul/nn', shape)).toBe('f16 MatMul/nn/1x4096x4096x1024');
  });
});
