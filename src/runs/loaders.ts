/** Loaders for training and evaluation, as the recipe wants them. */
import { readMachine } from '#platform';
import type { Recipe } from '../config/index.ts';
import { type Dataset, Loader, type SetAside } from '../data/index.ts';
import type { ProcessorConfig } from '../models/index.ts';

/** What one run's loaders share. */
export interface LoaderSetup {
  readonly recipe: Recipe;
  readonly processorConfig: ProcessorConfig;
  readonly threads: number;
  readonly onSetAside: (image: SetAside) => void;
  readonly signal?: AbortSignal | undefined;
}

/** `auto`: a thread per core but one, which the loop itself needs; more than eight rarely help. */
export async function loaderThreads(workers: number | 'auto'): Promise<number> {
  if (workers !== 'auto') return workers;
  return Math.max(1, Math.min(8, (await readMachine()).cores - 1));
}

/** Shuffled or weighted, augmented. */
export function trainingLoader(setup: LoaderSetup, dataset: Dataset): Loader {
  const { data, training } = setup.recipe;
  return makeLoader(setup, dataset, {
    sampler: data.sampler,
    seed: training.seed,
    ...(data.augment ? { augmentations: data.augmentations } : {}),
  });
}

/** In the order of the data set, as it is; in batches of `mostImages` at most, where memory does not suffice for more. */
export function evaluationLoader(
  setup: LoaderSetup,
  dataset: Dataset,
  mostImages = Number.POSITIVE_INFINITY,
): Loader {
  return makeLoader(setup, dataset, { sampler: 'sequential' }, mostImages);
}

function makeLoader(
  { recipe, processorConfig, threads, onSetAside }: LoaderSetup,
  dataset: Dataset,
  how: Pick<ConstructorParameters<typeof Loader>[0], 'sampler' | 'seed' | 'augmentations'>,
  mostImages = Number.POSITIVE_INFINITY,
): Loader {
  const { data, model } = recipe;
  return new Loader({
    dataset,
    task: model.task_type,
    processorConfig,
    batchSize: Math.min(data.batch_size, dataset.records.length, mostImages),
    threads,
    maxBadFraction: data.max_bad_fraction,
    onSetAside,
    ...how,
  });
}
