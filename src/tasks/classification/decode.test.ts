import { describe, expect, it } from 'vitest';
import { decodeClassification, topLabels } from './decode.ts';

const outputs = { logits: { shape: [2, 3], data: Float32Array.of(0, Math.log(2), 0, 1000, -1000, 1000) } };

describe('decodeClassification', () => {
  it('is a softmax that large logits do not break', () => {
    const [first, second] = decodeClassification(outputs);
    expect([...first!.scores]).toEqual([0.25, 0.5, 0.25]);
    expect([...second!.scores]).toEqual([0.5, 0, 0.5]);
  });

  it('is a sigmoid per class where labels are many', () => {
    const [, second] = decodeClassification(outputs, { multiLabel: true });
    expect([...second!.scores]).toEqual([1, 0, 1]);
  });

  it('names the best labels first, of equals the lower one', () => {
    const [first] = decodeClassification(outputs);
    expect(topLabels(first!, 2)).toEqual([1, 0]);
  });

  it('refuses other shapes', () => {
    expect(() => decodeClassification({})).toThrow(/logits \[none\]/);
  });
});
