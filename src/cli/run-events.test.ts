import { describe, expect, it, test } from 'vitest';
import { ClassMap, type RunEvent } from '../core/index.ts';
import { Output } from './output.ts';
import { metricLines, metricsText, RunDisplay } from './run-events.ts';

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

  it('name the class of a metric per class that decides', () => {
    const classes = new ClassMap([{ id: 1, name: 'stop sign' }]);
    expect(metricsText(detection('val'), 'val_map_class_1', classes)).toMatch(
      /^val_map_class_1 \(stop sign\) 0\.1, val_loss 17\.4/,
    );
  });

  it('show a part of the loss that decides', () => {
    expect(metricsText(detection('val'), 'val_loss_ce')).toMatch(/^val_loss_ce 0\.9, val_loss 17\.4/);
  });
});

test('lines of all metrics name the classes', () => {
  const classes = new ClassMap([
    { id: 3, name: 'stop sign' },
    { id: 13, name: 'cat' },
  ]);
  const metrics = { val_map: 0.25, val_map_class_3: 0.5, val_map_class_13: 0 };
  expect(metricLines(metrics, classes)).toEqual([
    '  val_map           0.25',
    '  val_map_class_3   0.5   stop sign',
    '  val_map_class_13  0     cat',
  ]);
});

describe('an event', () => {
  it('agrees in number with what it counts', () => {
    const lines: string[] = [];
    const stream = {
      on: () => {},
      write: (text: string) => lines.push(text),
    } as unknown as NodeJS.WriteStream;
    const display = new RunDisplay(new Output({ json: false, quiet: false }, stream, stream), {
      epochs: 1,
      logEvery: 1,
      monitor: 'val_loss',
    });
    const split = { images: 1, annotations: 1, digest: '', source: '' };
    const time = '2026-01-01T00:00:00Z';
    const told: RunEvent[] = [
      { type: 'data_ready', time, splits: { train: split }, classes: ['cat'], setAside: 1 },
      {
        ...{ type: 'model_ready', time, modelType: 'vit', parameters: 1, trainable: 1, missing: [] },
        ...{ unexpected: [], classesKept: 1, classesNew: 0 },
      },
    ];
    for (const event of told) display.show(event);
    expect(lines.join('')).toBe(
      'Data: train 1 image (1 annotation); 1 class: cat; 1 image set aside\n' +
        'Model: vit, 1 parameter, 1 of them trained; head: 1 class kept, 0 new\n',
    );
  });
});
