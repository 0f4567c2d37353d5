/**
 * Full-size models against manifests of real checkpoints: exactly those tensors, with their shapes, types and
 * kinds. Models are built without memory, so this costs nothing.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { buildModel } from './index.ts';

interface Manifest {
  readonly config: Readonly<Record<string, unknown>>;
  readonly n_parameters: number;
  readonly tensors: Readonly<Record<string, { shape: number[]; dtype: string; kind: string }>>;
}

const names = [
  'google__vit-base-patch16-224',
  'microsoft__resnet-50',
  'facebook__detr-resnet-50',
  'facebook__detr-resnet-101',
  'hustvl__yolos-tiny',
  'hustvl__yolos-base',
];

describe.each(names)('%s', (name) => {
  const manifest = JSON.parse(readFileSync(`../shared/reference/manifests/${name}.json`, 'utf8')) as Manifest;
  const model = buildModel(manifest.config);

  test('has exactly the tensors of the checkpoint', () => {
    const ours = [...model.tensors()].map(([tensorName, { shape, dtype, kind }]) => [
      tensorName,
      { shape, dtype, kind },
    ]);
    const theirs = Object.entries(manifest.tensors).filter(([, { kind }]) => !kind.startsWith('extra'));
    const sorted = (entries: unknown[][]): unknown[][] =>
      entries.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    expect(sorted(ours)).toEqual(sorted(theirs));
  });

  test('ignores what the checkpoint holds beside them', () => {
    const extras = Object.entries(manifest.tensors).filter(([, { kind }]) => kind.startsWith('extra'));
    expect(extras.filter(([extra]) => !model.ignoresOnLoad(extra))).toEqual([]);
  });

  test('counts as many parameters', () => {
    const count = [...model.parameters()].reduce((sum, [, parameter]) => sum + parameter.size, 0);
    expect(count).toBe(manifest.n_parameters);
    expect([...model.tensors()].some(([, tensor]) => tensor.isMaterialized)).toBe(false);
  });
});
