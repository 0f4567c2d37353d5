/** Expected numbers were computed with torch.nn.functional in float64. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DataError } from '../../core/index.ts';
import { type Device, openDevice, tf } from '../../engine/index.ts';
import { type ClassificationLossOptions, classificationLoss } from './loss.ts';
import { classificationTargets } from './targets.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu');
});
afterAll(() => device.dispose());

const logits = [1.5, -0.5, 0.25, 0.1, 0.7, -1.2, -0.3, 0.2, 0.9, 2, 1, 0];

function batch(labels: readonly (readonly number[])[], count = labels.length) {
  const size = { height: 1, width: 1 };
  const samples = labels.map((own, index) => ({
    index,
    imageId: index,
    size,
    originalSize: size,
    boxes: [],
    boxLabels: [],
    labels: own,
  }));
  return { samples, count };
}

async function lossOf(
  targets: ReturnType<typeof classificationTargets>,
  options: ClassificationLossOptions = {},
): Promise<number> {
  const { total } = classificationLoss(
    { logits: tf.tensor2d(logits, [4, 3]) },
    {
      labels: tf.tensor(targets.labels!.data, [4, 3]),
      weight: tf.tensor(targets.weight!.data, [4]),
    },
    options,
  );
  return (await total.data())[0]!;
}

const single = [[0], [2], [1], [0]];
const several = [[0, 2], [2], [1], [0, 1]];
const classWeights = [0.5, 1, 2];

describe('one label per image', () => {
  const targets = classificationTargets(batch(single), 3);

  test.each([
    [{}, 1.1189462837816928],
    [{ classWeights }, 1.631420306720323],
    [{ classWeights, labelSmoothing: 0.1 }, 1.647155342489488],
    [{ labelSmoothing: 0.1 }, 1.1426962837816927],
  ])('with %o', async (options, expected) => {
    expect(await lossOf(targets, options)).toBeCloseTo(expected, 6);
  });

  test('rows that fill up the batch count for nothing', async () => {
    const three = classificationTargets(batch(single, 3), 3);
    expect([...three.weight!.data]).toEqual([1, 1, 1, 0]);
    expect(await lossOf(three)).toBeCloseTo(1.356059723560797, 6);
  });

  test('blended distributions', async () => {
    const labels = Float32Array.of(0.7, 0.3, 0, 0, 0.4, 0.6, 0.5, 0.5, 0, 1, 0, 0);
    const blended = { ...targets, labels: { shape: [4, 3], data: labels } };
    expect(await lossOf(blended)).toBeCloseTo(1.141446283781693, 6);
  });

  test('refuses several labels, none, and labels that are no class', () => {
    expect(() => classificationTargets(batch(several), 3)).toThrow(/multi_label/);
    expect(() => classificationTargets(batch([[]]), 3)).toThrow(DataError);
    expect(() => classificationTargets(batch([[3]]), 3)).toThrow(DataError);
  });
});

describe('several labels per image', () => {
  const targets = classificationTargets(batch([...several]), 3, { multiLabel: true });

  test('are ones side by side', () => {
    expect([...targets.labels!.data]).toEqual([1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 1, 0]);
    expect([...classificationTargets(batch([[]]), 3, { multiLabel: true }).labels!.data]).toEqual([0, 0, 0]);
  });

  test.each([
    [{ multiLabel: true }, 0.6741066438368425],
    [{ multiLabel: true, classWeights }, 0.9374380059805922],
    // Smoothed targets are labels · (1 − ε) + 0.5 · ε: each class is a yes or no of its own. Spreading ε over the
    // three classes instead would give 0.69244, 0.93799 and 0.71077.
    [{ multiLabel: true, labelSmoothing: 0.1 }, 0.6859816438368425],
    [{ multiLabel: true, labelSmoothing: 0.1, classWeights }, 0.9338963393139256],
    [{ multiLabel: true, labelSmoothing: 0.2 }, 0.6978566438368426],
  ])('with %o', async (options, expected) => {
    expect(await lossOf(targets, options)).toBeCloseTo(expected, 6);
  });
});
