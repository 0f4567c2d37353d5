import { describe, expect, it } from 'vitest';
import { derive, permutation } from '../../core/index.ts';
import { classificationErrors } from './classification.ts';
import { detectionErrors } from './detection.ts';
import type { DetectionImage } from './matching.ts';

/** Rows of [category, left, top, width, height] and for detections a score in front. */
function image(
  id: number,
  truths: readonly (readonly [number, number, number, number, number])[],
  detections: readonly (readonly [number, number, number, number, number, number])[],
  crowd: readonly number[] = [],
): DetectionImage {
  return {
    id,
    truth: {
      count: truths.length,
      categoryIds: truths.map((row) => row[0]),
      boxes: truths.flatMap((row) => row.slice(1)),
      areas: truths.map((row) => row[3] * row[4]),
      crowd: truths.map((_, i) => crowd[i] ?? 0),
    },
    detections: {
      count: detections.length,
      scores: detections.map((row) => row[0]),
      categoryIds: detections.map((row) => row[1]),
      boxes: detections.flatMap((row) => row.slice(2)),
    },
  };
}

describe('detectionErrors', () => {
  it('tells the kinds of false detections apart', () => {
    const truth = [
      [1, 0, 0, 100, 100],
      [2, 200, 0, 100, 100],
      [1, 400, 0, 20, 20],
    ] as const;
    const errors = detectionErrors(
      [
        image(1, truth, [
          [0.9, 1, 0, 0, 100, 100], // right
          [0.8, 1, 2, 0, 100, 100], // found again
          [0.7, 1, 200, 0, 100, 100], // category 2 taken for 1
          [0.6, 1, 60, 0, 100, 100], // IoU 0.25 with its class
          [0.5, 2, 390, 0, 20, 20], // IoU 1/3 with another class
          [0.4, 2, 0, 300, 50, 50], // nothing there
        ]),
      ],
      [1, 2],
      { scoreThreshold: 0.1 },
    );
    expect(errors.falsePositives.byKind).toEqual({
      duplicate: 1,
      confusion: 1,
      localisation: 1,
      both: 1,
      background: 1,
    });
    expect(errors.falsePositives.averageConfidence).toBeCloseTo(0.6, 12);
    expect(errors.confusions).toEqual([{ truth: 2, predicted: 1, count: 1 }]);
    expect(errors.falseNegatives).toEqual({
      total: 2,
      bySize: {
        small: { missed: 1, truths: 1 },
        medium: { missed: 0, truths: 0 },
        large: { missed: 1, truths: 2 },
      },
      byReason: { confused: 1, misplaced: 0, unseen: 1 },
    });
    // Rows truth 1, truth 2, nothing; columns predicted 1, 2, nothing.
    expect([...errors.confusionMatrix]).toEqual([1, 0, 1, 1, 0, 0, 2, 2, 0]);
    expect(errors.localization).toEqual({ averageIou: 1, poorRate: 0 });
  });

  it('chooses the score at which F1 is largest', () => {
    const errors = detectionErrors(
      [
        image(
          1,
          [
            [1, 0, 0, 10, 10],
            [1, 50, 50, 10, 10],
          ],
          [
            [0.9, 1, 0, 0, 10, 10],
            [0.6, 1, 50, 50, 10, 10],
            [0.5, 1, 90, 90, 10, 10],
            [0.4, 1, 70, 90, 10, 10],
          ],
        ),
      ],
      [1],
    );
    expect([errors.scoreThreshold, errors.f1]).toEqual([0.6, 1]);
  });

  it('lets crowds and what lies on them count for nothing', () => {
    const errors = detectionErrors([image(1, [[1, 0, 0, 100, 100]], [[0.9, 1, 10, 10, 20, 20]], [1])], [1], {
      scoreThreshold: 0,
    });
    expect([errors.falsePositives.total, errors.falseNegatives.total, errors.truePositives]).toEqual([
      0, 0, 0,
    ]);
  });

  it('leaves out detections of categories that the data do not have', () => {
    const errors = detectionErrors([image(1, [[1, 0, 0, 9, 9]], [[0.9, 7, 0, 0, 9, 9]])], [1], {
      scoreThreshold: 0,
    });
    expect([errors.falsePositives.total, errors.falseNegatives.total]).toEqual([0, 1]);
  });

  function random(seed: number): DetectionImage[] {
    const next = derive(seed, 'errors-test');
    const box = (): [number, number, number, number] => [
      next.uniform(0, 100),
      next.uniform(0, 100),
      next.uniform(10, 120),
      next.uniform(10, 120),
    ];
    return Array.from({ length: 15 }, (_, id) =>
      image(
        id,
        Array.from({ length: next.integer(6) }, () => [1 + next.integer(3), ...box()]),
        Array.from({ length: next.integer(9) }, () => [next.next(), 1 + next.integer(3), ...box()]),
      ),
    );
  }

  it.each([1, 2, 3, 4])('accounts for every object and detection once (seed %i)', (seed) => {
    const images = random(seed);
    const errors = detectionErrors(images, [1, 2, 3], { scoreThreshold: 0.3 });
    const kept = images.flatMap((one) =>
      Array.from(one.detections.scores).filter((score) => score >= 0.3),
    ).length;
    const truths = images.reduce((sum, one) => sum + one.truth.count, 0);
    const sum = (values: Record<string, number>): number => Object.values(values).reduce((a, b) => a + b, 0);
    expect(errors.truePositives + errors.falsePositives.total).toBe(kept);
    expect(errors.truePositives + errors.falseNegatives.total).toBe(truths);
    expect(sum(errors.falsePositives.byKind)).toBe(errors.falsePositives.total);
    expect(sum(errors.falsePositives.bySize)).toBe(errors.falsePositives.total);
    expect(sum(errors.falseNegatives.byReason)).toBe(errors.falseNegatives.total);
    const size = 4;
    const rows = [0, 1, 2].map((row) => [...errors.confusionMatrix.slice(row * size, (row + 1) * size)]);
    expect(rows.flat().reduce((a, b) => a + b, 0)).toBe(truths);
    const predicted = [0, 1, 2].map((column) =>
      [0, 1, 2, 3].reduce((total, row) => total + errors.confusionMatrix[row * size + column]!, 0),
    );
    expect(predicted.reduce((a, b) => a + b, 0)).toBe(kept);
    expect(errors.images.reduce((a, row) => a + row.falseNegatives, 0)).toBe(errors.falseNegatives.total);
  });

  it.each([1, 2])('does not depend on the order of images (seed %i)', (seed) => {
    const images = random(seed);
    const shuffled = [...permutation(images.length, derive(seed, 'order'))].map((i) => images[i]!);
    const { images: _a, falsePositives: a, localization: l, ...first } = detectionErrors(images, [1, 2, 3]);
    const {
      images: _b,
      falsePositives: b,
      localization: m,
      ...second
    } = detectionErrors(shuffled, [1, 2, 3]);
    expect(second).toEqual(first);
    expect(b.byKind).toEqual(a.byKind);
    expect(b.averageConfidence).toBeCloseTo(a.averageConfidence ?? 0, 12);
    expect(m.averageIou).toBeCloseTo(l.averageIou ?? 0, 12);
  });
});

describe('classificationErrors', () => {
  it('puts the most confident mistake first', () => {
    const errors = classificationErrors({
      scores: { samples: 3, classes: 2, data: [0.9, 0.1, 0.4, 0.6, 0.3, 0.7] },
      truth: { samples: 3, classes: 2, data: [0, 1, 1, 0, 0, 1] },
      multiLabel: false,
    });
    expect(errors.wrongImages.map((row) => row.row)).toEqual([0, 1]);
    expect(errors.wrongImages[0]).toEqual({ row: 0, truth: [1], predicted: [0], confidence: 0.9 });
    expect([errors.right, errors.wrong]).toEqual([1, 2]);
    expect(errors.confusions).toEqual([
      { truth: 0, predicted: 1, count: 1 },
      { truth: 1, predicted: 0, count: 1 },
    ]);
  });

  it('judges several labels one by one', () => {
    const errors = classificationErrors({
      scores: { samples: 2, classes: 3, data: [0.9, 0.8, 0.1, 0.6, 0.2, 0.3] },
      truth: { samples: 2, classes: 3, data: [1, 0, 0, 1, 0, 0] },
      multiLabel: true,
    });
    expect(errors.wrongImages).toEqual([{ row: 0, truth: [0], predicted: [0, 1], confidence: 0.8 }]);
    expect(errors.confusionMatrix).toBeUndefined();
    expect(errors.perClass[0]!.f1).toBe(1);
  });
});
