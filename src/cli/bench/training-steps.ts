/**
 * Runs training steps of a recipe as `ocelli train` makes them, in a folder that is removed again, until enough
 * were seen.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anySignal, type RunEventOf } from '../../core/index.ts';
import { train } from '../../runs/index.ts';
import { loadRecipe } from '../recipe-file.ts';
import type { BenchContext } from './rows.ts';

/** @param onStep is given every step's event, in order; returns true when it has seen enough */
export async function runTrainingSteps(
  { device, signal, recipe: name }: Pick<BenchContext, 'device' | 'signal' | 'recipe'>,
  onStep: (event: RunEventOf<'step'>) => boolean | Promise<boolean>,
): Promise<void> {
  const { recipe } = await loadRecipe(name ?? 'quickstart', [
    'training.max_steps=100000',
    'training.max_epochs=100000',
    'training.val_check_interval=100000',
    'training.log_every_n_steps=1',
  ]);
  const folder = await mkdtemp(join(tmpdir(), 'ocelli-bench-'));
  const enough = new AbortController();
  try {
    const request = { recipe, out: join(folder, 'run'), device };
    for await (const event of train(request, anySignal([signal, enough.signal]))) {
      if (event.type === 'step' && !enough.signal.aborted && (await onStep(event))) enough.abort();
    }
  } catch (error) {
    if (!enough.signal.aborted || signal.aborted) throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
