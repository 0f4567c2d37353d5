import { describe, expect, it } from 'vitest';
import { metricsText } from './run-events.ts';

describe('the metrics of a line', () => {
  const detection = (split: string) => ({
    [`${split}_loss`]: 17.4,
    [`${split}_loss_ce`]: 0.9,
    [`${split}_loss_giou_0`]: 1.1,
    [`${split}_cardinality_error`]: 16,
    [`${split}_cardinality_error_0`]: 16,
    [`${split}_map`]: 0.25,
    [`${split}_map_50`]: 0.5,
    [`${split}_map_class_1`]: 0.1,
  });

  it('begin with the one that decides, and leave out parts of the loss and values per class', () => {
    expect(metricsText(detection('val'), 'val_map_50')).toBe('val_map_50 0.5, val_loss 17.4, val_map 0.25');
  });

  it("begin with the deciding one's counterpart on the test split", () => {
    expect(metricsText(detection('test'), 'val_map_50')).toBe(
      'test_map_50 0.5, test_loss 17.4, test_map 0.25',
    );
  });

  it('show a part of the loss that decides', () => {
    expect(metricsText(detection('val'), 'val_loss_ce')).toMatch(/^val_loss_ce 0\.9, val_loss 17\.4/);
  });
});
