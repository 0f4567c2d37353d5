/**
 * Full-size models of every family run one forward pass at their real input size on WebAssembly, below 3 GB.
 * Minutes, not seconds: `npm run test:full`. When all have passed, the measurements are written to
 * docs/full-size.md.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';

interface Measurement {
  readonly model: string;
  readonly device: string;
  readonly input: readonly number[];
  readonly parameters: number;
  readonly outputs: Readonly<
    Record<string, { shape: readonly number[]; finite: boolean; distinct: number; size: number }>
  >;
  readonly first_seconds: number;
  readonly second_seconds: number;
  readonly peak_mb: number;
}

const models = [
  { manifest: 'google__vit-base-patch16-224', input: [1, 3, 224, 224], outputs: { logits: [1, 1000] } },
  { manifest: 'microsoft__resnet-50', input: [1, 3, 224, 224], outputs: { logits: [1, 1000] } },
  {
    manifest: 'facebook__detr-resnet-50',
    input: [1, 3, 800, 1333],
    outputs: { logits: [1, 100, 92], pred_boxes: [1, 100, 4] },
  },
  {
    manifest: 'facebook__detr-resnet-101',
    input: [1, 3, 800, 1333],
    outputs: { logits: [1, 100, 92], pred_boxes: [1, 100, 4] },
  },
  {
    manifest: 'hustvl__yolos-tiny',
    input: [1, 3, 512, 848],
    outputs: { logits: [1, 100, 92], pred_boxes: [1, 100, 4] },
  },
  {
    manifest: 'hustvl__yolos-base',
    input: [1, 3, 800, 1328],
    outputs: { logits: [1, 100, 92], pred_boxes: [1, 100, 4] },
  },
];

const measured: Measurement[] = [];

async function measure(manifest: string): Promise<Measurement> {
  const path = `../shared/reference/manifests/${manifest}.json`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    'scripts/run.mjs',
    'tests/full/forward.ts',
    path,
    'wasm',
  ]);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Measurement;
}

describe.sequential('one forward pass of', () => {
  test.each(models)('$manifest', { timeout: 1_200_000 }, async ({ manifest, input, outputs }) => {
    const result = await measure(manifest);
    expect(result.input).toEqual(input);
    expect(result.peak_mb).toBeLessThan(3000);
    const shapes = Object.fromEntries(Object.entries(result.outputs).map(([name, o]) => [name, o.shape]));
    expect(shapes).toEqual(outputs);
    for (const [name, { finite, distinct, size }] of Object.entries(result.outputs)) {
      expect(finite, name).toBe(true);
      expect(distinct, name).toBeGreaterThan(size / 2);
    }
    measured.push(result);
  });
});

afterAll(async () => {
  if (measured.length === models.length) await writeFile('docs/full-size.md', page());
});

function page(): string {
  const rows = measured.map(
    ({ model, input, parameters, first_seconds: first, second_seconds: second, peak_mb: peak }) =>
      `| ${model} | ${(parameters / 1e6).toFixed(1)} M | ${input.slice(2).join(' × ')} | ${first.toFixed(1)} | ${second.toFixed(1)} | ${peak} |`,
  );
  return `# Full-size models without a GPU

One forward pass of each model at its real input size, on the fallback that needs no GPU: WebAssembly with SIMD, one
thread. The weights are seeded numbers in the shapes of the real checkpoint, the picture is 800 × 480 pixels and goes
through the checkpoint's own processor. Attention runs in blocks of queries, so the score matrix (0.9 GB for
yolos-base) never exists as a whole. Memory is the peak of the whole process.

\`npm run test:full\` measures this and writes this page. Processor: ${cpus()[0]?.model ?? 'unknown'}.

| model | parameters | input | first pass, s | second pass, s | peak memory, MB |
|---|---|---|---|---|---|
${rows.join('\n')}
`;
}
