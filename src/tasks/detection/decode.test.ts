import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../core/index.ts';
import { decodeDetections } from './decode.ts';

const outputs = {
  // Two queries, two classes and "no object": the first is sure of class 1, the second of nothing.
  logits: { shape: [1, 2, 3], data: Float32Array.of(0, Math.log(6), 0, 0, 0, Math.log(2)) },
  pred_boxes: { shape: [1, 2, 4], data: Float32Array.of(0.5, 0.5, 0.5, 0.5, 0.125, 0.5, 0.5, 1) },
};

describe('decodeDetections', () => {
  it('keeps queries above the threshold, in their order, unclipped', () => {
    const [all] = decodeDetections(outputs, [{ height: 100, width: 200 }], { threshold: 0 });
    expect([...all!.scores]).toEqual([0.75, 0.25]);
    expect([...all!.labels]).toEqual([1, 0]);
    expect([...all!.boxes]).toEqual([50, 25, 150, 75, -25, 0, 75, 100]);
  });

  it('takes the threshold strictly', () => {
    expect(decodeDetections(outputs, undefined, { threshold: 0.75 })[0]!.scores).toHaveLength(0);
    expect(decodeDetections(outputs, undefined, { threshold: 0.7499 })[0]!.scores).toHaveLength(1);
  });

  it('leaves boxes relative without sizes', () => {
    expect([...decodeDetections(outputs, undefined)[0]!.boxes]).toEqual([0.25, 0.25, 0.75, 0.75]);
  });

  it('refuses outputs that do not fit together', () => {
    expect(() => decodeDetections(outputs, [])).toThrow(ShapeError);
    expect(() => decodeDetections({ logits: outputs.logits }, undefined)).toThrow(/pred_boxes \[none\]/);
  });
});
