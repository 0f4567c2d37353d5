/**
 * A pass over a split: forward, loss, decode, metrics. Predictions are decoded without a threshold: average
 * precision must see the whole curve. Losses are means over images; rows that only fill up a batch count for
 * nothing.
 */
import type { Metrics } from '../core/index.ts';
import type { Batch } from '../data/index.ts';
import type { HostOutputs, Task } from '../tasks/index.ts';
import { EvaluationStep } from './evaluation-step.ts';
import type { BatchEvaluation, EvaluationRequest, EvaluationResult } from './types.ts';

export async function evaluate<Prediction>(
  request: EvaluationRequest<Prediction>,
): Promise<EvaluationResult<Prediction>> {
  const { task, model, device } = request;
  if (request.step) return evaluateWith(request.step, request);
  const step = new EvaluationStep(model, task as Task<unknown>, device, {
    losses: request.losses,
    mostImages: request.mostImages,
  });
  try {
    return await evaluateWith(step, request);
  } finally {
    step.dispose();
  }
}

async function evaluateWith<Prediction>(
  step: BatchEvaluation,
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
    const { outputs, losses: batchLosses } = await step.run(batch);
    batchMs.push(performance.now() - before);
    images += batch.count;
    for (const [name, loss] of Object.entries(batchLosses))
      losses.set(name, (losses.get(name) ?? 0) + loss * batch.count);
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
  const warnings = step.takeWarnings();
  return { metrics, images, ms: performance.now() - started, batchMs, evaluator, warnings };
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
