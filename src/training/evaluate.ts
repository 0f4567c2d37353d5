/**
 * A pass over a split: forward, loss, decode, metrics. Predictions are decoded without a threshold: average
 * precision must see the whole curve. Losses are means over images; rows that only fill up a batch count for
 * nothing.
 */
import type { Metrics } from '../core/index.ts';
import type { Batch } from '../data/index.ts';
import { tf } from '../engine/index.ts';
import { type HostOutputs, requireFiniteOutputs } from '../tasks/index.ts';
import { readOutputs, uploadImages, uploadTargets } from './transfer.ts';
import type { EvaluationRequest, EvaluationResult } from './types.ts';

export async function evaluate<Prediction>(
  request: EvaluationRequest<Prediction>,
): Promise<EvaluationResult<Prediction>> {
  const { dataset, task, batches, split, signal } = request;
  const started = performance.now();
  const evaluator = task.evaluator(dataset);
  const losses = new Map<string, number>();
  let images = 0;
  const batchMs: number[] = [];
  for await (const batch of batches.epoch(0)) {
    signal?.throwIfAborted();
    const before = performance.now();
    const { outputs, batchLosses } = await evaluateBatch(request, batch);
    batchMs.push(performance.now() - before);
    images += batch.count;
    for (const [name, loss] of batchLosses) losses.set(name, (losses.get(name) ?? 0) + loss * batch.count);
    const real = batch.samples.slice(0, batch.count);
    const sizes = real.map((sample) => sample.originalSize);
    const predictions = task.decode(firstRows(outputs, batch), sizes, { threshold: 0 });
    for (const [row, { index }] of real.entries()) {
      const prediction = predictions[row]!;
      evaluator.update(dataset.records[index]!, prediction);
      await request.onPrediction?.({ index, prediction });
    }
  }
  const metrics: Metrics = {
    ...prefixed(split, Object.fromEntries([...losses].map(([name, sum]) => [name, sum / images]))),
    ...prefixed(split, evaluator.compute()),
  };
  return { metrics, images, ms: performance.now() - started, batchMs, evaluator };
}

async function evaluateBatch<Prediction>(
  { model, task, device, losses = true }: EvaluationRequest<Prediction>,
  batch: Batch,
): Promise<{ outputs: HostOutputs; batchLosses: ReadonlyMap<string, number> }> {
  const tensors = tf.tidy(() => ({ ...model.forward(uploadImages(batch, model), { training: false }) }));
  try {
    const outputs = await readOutputs(tensors, device);
    requireFiniteOutputs(outputs, batch.count);
    if (!losses) return { outputs, batchLosses: new Map() };
    const targets = task.matchesOnHost ? task.targets(batch, outputs) : task.targets(batch);
    const names: string[] = [];
    const report = tf.tidy(() => {
      const { total, parts } = task.loss(tensors, uploadTargets(targets));
      const all = Object.entries({ loss: total, ...parts });
      names.push(...all.map(([name]) => name));
      return tf.stack(all.map(([, scalar]) => tf.reshape(scalar, [])));
    });
    const values = await device.read(report);
    report.dispose();
    return { outputs, batchLosses: new Map(names.map((name, i) => [name, values[i]!])) };
  } finally {
    tf.dispose(tensors);
  }
}

/** The rows of real images. */
function firstRows(outputs: HostOutputs, batch: Batch): HostOutputs {
  if (batch.count === batch.shape[0]) return outputs;
  const rows = Object.entries(outputs).map(([name, { shape, data }]) => {
    if (shape[0] !== batch.shape[0]) return [name, { shape, data }] as const;
    const length = (data.length / batch.shape[0]) * batch.count;
    return [name, { shape: [batch.count, ...shape.slice(1)], data: data.subarray(0, length) }] as const;
  });
  return Object.fromEntries(rows);
}

function prefixed(split: string, metrics: Metrics): Metrics {
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`${split}_${name}`, value]));
}
