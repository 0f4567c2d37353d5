/**
 * Training steps of the quickstart recipe, as `ocelli train` makes them: a run of 30 steps in a folder that is
 * removed again; medians without the first five.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { train } from '../../runs/index.ts';
import { loadRecipe } from '../recipe-file.ts';
import { type BenchContext, median } from './rows.ts';

const steps = 30;
const warmup = 5;

export async function benchStep({ row, device, signal }: BenchContext): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ocelli-bench-'));
  const { recipe } = loadRecipe('quickstart', [
    'training.max_steps=100000',
    'training.val_check_interval=100000',
  ]);
  const enough = new AbortController();
  const times: number[] = [];
  const rates: number[] = [];
  let bytes = 0;
  try {
    const request = { recipe, out: join(folder, 'run'), device };
    for await (const event of train(request, AbortSignal.any([signal, enough.signal]))) {
      if (event.type !== 'step') continue;
      if (event.step > warmup) {
        times.push(event.ms);
        rates.push(event.images_per_second);
        bytes = Math.max(bytes, event.gpu_bytes);
      }
      if (event.step >= steps) enough.abort();
    }
  } catch (error) {
    if (!enough.signal.aborted || signal.aborted) throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  row({ case: 'step/quickstart', metric: 'step_ms', value: median(times), unit: 'ms' });
  row({ case: 'step/quickstart', metric: 'images_per_second', value: median(rates), unit: 'images/s' });
  row({ case: 'step/quickstart', metric: 'gpu_mb', value: bytes / 1e6, unit: 'MB' });
}
