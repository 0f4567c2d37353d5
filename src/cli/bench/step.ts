/** Training steps of a recipe, as `ocelli train` makes them: 30 of them, medians without the first five. */
import { type BenchContext, median } from './rows.ts';
import { runTrainingSteps } from './training-steps.ts';

const steps = 30;
const warmup = 5;

export async function benchStep(context: BenchContext): Promise<void> {
  const times: number[] = [];
  const rates: number[] = [];
  let bytes = 0;
  await runTrainingSteps(context, (event) => {
    if (event.step > warmup) {
      times.push(event.ms);
      rates.push(event.images_per_second);
      bytes = Math.max(bytes, event.gpu_bytes);
    }
    return event.step >= steps;
  });
  const { row, recipe = 'quickstart' } = context;
  const name = `step/${recipe}`;
  row({ case: name, metric: 'step_ms', value: median(times), unit: 'ms' });
  row({ case: name, metric: 'images_per_second', value: median(rates), unit: 'images/s' });
  row({ case: name, metric: 'gpu_mb', value: bytes / 1e6, unit: 'MB' });
}
