import { expect, test } from 'vitest';
import type { KernelPlan, PlanKernel } from '../compile/types.ts';
import type { Graph } from '../graph/index.ts';
import { engineering, explainPlan } from './explain.ts';
import { explainGraph } from './explain-graph.ts';
import { stepProfile } from './kernel-times.ts';
import { announcePlan, watchPlans } from './plans.ts';

const kernel = (label: string, flops: number, bytes: number): PlanKernel => ({
  label,
  wgsl: `// ${label}`,
  bindings: [
    { value: 0, access: 'read' },
    { value: 1, access: 'write' },
  ],
  workgroups: [2, 1, 1],
  flops,
  bytes,
  nodes: [],
});

const plan = {
  kernels: [kernel('MatMul', 8e6, 1e6), kernel('Add', 1e3, 2e6), kernel('MatMul', 8e6, 1e6)],
  values: new Map([
    [0, { id: 0, shape: [4, 8], dtype: 'float32', storage: 'f32' }],
    [1, { id: 1, shape: [8], dtype: 'float32', storage: 'f32' }],
  ]),
  inputs: { x: 0 },
  parameters: {},
  constants: new Map(),
  outputs: { y: 1 },
  updates: {},
  halts: [{ kernel: 1, reads: ['logits'], writes: ['targets'] }],
} as unknown as KernelPlan;

test('a profile adds up equal labels, per step, and holds them against the peak', () => {
  const pass = (label: string, ms: number) => ({ label, ms, dispatches: 1 });
  const passes = [pass('MatMul', 3), pass('Add', 2), pass('MatMul', 3)];
  const profile = stepProfile(
    [...passes, ...passes],
    2,
    { gflops: 4, gigabytesPerSecond: 2 },
    { ...plan, kernels: [...plan.kernels, kernel('of another signature', 1, 1)] },
  );
  expect(profile.ms).toBe(8);
  expect(profile.dispatches).toBe(3);
  const [products, sum] = profile.kernels;
  // 16 MFLOP at 4 GFLOP/s are 4 ms, of the 6 that they took.
  expect(products).toMatchObject({ label: 'MatMul', dispatches: 2, ms: 6, share: 0.75, flops: 16e6 });
  expect(products!.shareOfPeak).toBeCloseTo(4 / 6);
  // 2 MB at 2 GB/s are 1 ms, of 2.
  expect(sum!.shareOfPeak).toBeCloseTo(0.5);
  expect(profile.kernels).toHaveLength(2);
});

test('kernels that share a pipeline are told apart by their place in the plan', () => {
  const passes = [1, 2, 4].map((ms) => ({ label: 'shared', ms, dispatches: 1 }));
  const { kernels } = stepProfile(passes, 1, { gflops: 4, gigabytesPerSecond: 2 }, plan);
  expect(kernels.map(({ label, ms }) => [label, ms])).toEqual([
    ['MatMul', 5],
    ['Add', 2],
  ]);
});

test('without a plan there are times and no shares', () => {
  const peak = { gflops: 4, gigabytesPerSecond: 2 };
  const { kernels } = stepProfile([{ label: '', ms: 1, dispatches: 2 }], 1, peak);
  expect(kernels).toEqual([
    { label: 'unnamed', dispatches: 2, ms: 1, share: 1, flops: 0, bytes: 0, shareOfPeak: undefined },
  ]);
});

test('a plan is told as text, with the halts and, where asked for, the shaders', () => {
  const lines = explainPlan(plan);
  expect(lines).toHaveLength(5);
  expect(lines[0]).toContain('3 dispatches of 2 different kernels, 16 MFLOP');
  expect(lines[1]).toContain('MatMul  2×1×1 workgroups, 8 MFLOP, 1 MB  0[4×8] → 1[8]');
  expect(lines[2]).toContain('the host reads logits and gives targets');
  expect(explainPlan(plan, { wgsl: true })).toContain('        // Add');
  expect([999, 1.5e3, 2e9].map(engineering)).toEqual(['999 ', '1.5 k', '2 G']);
});

const graph: Graph = {
  nodes: [
    { kernel: 'MatMul', attrs: { transposeA: false }, inputs: { a: 0, b: 1 }, outputs: [3] },
    { kernel: 'Add', attrs: {}, inputs: { a: 3, b: 2 }, outputs: [4] },
  ],
  values: [[4, 8], [8, 8], [8], [4, 8], [4, 8]].map((shape, id) => ({
    id,
    shape,
    dtype: id === 2 ? ('int32' as const) : ('float32' as const),
  })),
  inputs: { x: 0 },
  parameters: { weight: 1 },
  constants: new Map([[2, new Int32Array(8)]]),
  outputs: { y: 4 },
  updates: { weight: 3 },
  backward: 4,
};

test('a recorded graph is told as text', () => {
  expect(explainGraph(graph)).toEqual([
    '2 nodes, 1 of them before the gradients; 5 values',
    '  input x = 0[4×8]',
    '  parameter weight = 1[8×8]',
    '  constant 2[8] int32',
    '   0 MatMul  a=0[4×8] b=1[8×8] → 3[4×8]  {"transposeA":false}',
    '   1 Add  a=3[4×8] b=2[8] int32 → 4[4×8]',
    '  output y = 4[4×8]',
    '  update weight = 3[4×8]',
  ]);
});

test('who watches is told of every plan until it stops', () => {
  const seen: [KernelPlan, Graph][] = [];
  const stop = watchPlans((...made) => void seen.push(made));
  announcePlan(plan, graph);
  stop();
  announcePlan(plan, graph);
  expect(seen).toEqual([[plan, graph]]);
});
