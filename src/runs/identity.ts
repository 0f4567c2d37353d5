/**
 * What a run must find again to repeat its numbers to the last bit when it is resumed: the recipe, the data,
 * the device, the way it computes.
 */
import { readMachine } from '#platform';
import { plainRecipe, type Recipe } from '../config/index.ts';
import type { Dataset } from '../data/index.ts';
import type { Device } from '../engine/index.ts';
import type { RunIdentity } from '../training/index.ts';
import { version } from './version.ts';

export async function identityOf(recipe: Recipe, dataset: Dataset, device: Device): Promise<RunIdentity> {
  const { training, data } = recipe;
  return {
    recipe: await recipeHash(recipe),
    data: dataset.digest.slice(0, 16),
    batch: `${data.batch_size} × ${training.accumulate_grad_batches}`,
    backend: device.backend,
    device: device.description,
    precision: training.precision,
    execution: device.prepare ? 'compiled' : 'eager',
    kernels: device.features.join(' '),
    version,
    platform: (await readMachine()).versions,
  };
}

/** Of everything that decides numbers; not of where results are sent, nor of how long the run is. */
async function recipeHash(recipe: Recipe): Promise<string> {
  const { model, data, training } = plainRecipe(recipe) as Record<string, Record<string, unknown>>;
  const { checkpoint_dir, log_every_n_steps, save_top_k, ...decisive } = training!;
  const { num_workers, cache, ...decisiveData } = data!;
  const text = JSON.stringify({ model, data: decisiveData, training: decisive });
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(digest)]
    .slice(0, 8)
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
}
