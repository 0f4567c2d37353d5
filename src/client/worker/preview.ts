/** What the model of a run says now about pictures of its own data. */
import { decodeImage } from '#platform';
import { ConfigError } from '../../core/index.ts';
import { predictorOf } from '../../inference/index.ts';
import type { LiveRun, StepPosition } from '../../runs/index.ts';
import type { PreviewRequest, PreviewResult } from '../protocol.ts';
import { truthOf } from './data.ts';

const previewImages = 8;

export async function previewOf(
  { device, loaded, splits, tell }: LiveRun,
  { step, epoch }: StepPosition,
  { split = 'val', images, threshold = 0.5 }: PreviewRequest = {},
): Promise<PreviewResult> {
  const begin = performance.now();
  const dataset = splits[split];
  if (!dataset) {
    throw new ConfigError({
      code: 'split_not_configured',
      expected: `a split that the run has: ${Object.keys(splits).join(', ')}`,
      received: split,
      fix: 'choose another split',
    });
  }
  const wanted = (images ?? Array.from({ length: previewImages }, (_, i) => i)).filter(
    (index) => index < dataset.records.length,
  );
  const records = wanted.map((index) => dataset.records[index]!);
  const rasters = await Promise.all(
    records.map(async (record) => decodeImage(await dataset.open(record).read())),
  );
  const told: Promise<void>[] = [];
  const predictor = predictorOf(device, loaded, {
    onWarning: (warning) => told.push(tell({ type: 'warning', ...warning, step, epoch })),
  });
  const predictions = await predictor.predict(rasters, { threshold }).finally(() => predictor.dispose());
  await Promise.all(told);
  return {
    step,
    epoch,
    classes: loaded.classes.names,
    ms: performance.now() - begin,
    images: records.map((record, i) => ({
      index: wanted[i]!,
      fileName: record.fileName,
      height: rasters[i]!.height,
      width: rasters[i]!.width,
      prediction: predictions[i]!,
      truth: truthOf(record, dataset),
    })),
  };
}
