/**
 * What is in the data of the recipe: classes, balance, pictures with what is known of them. The worker reads it when a view
 * wants it, and again when the recipe names other data.
 */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { DataDescription, DataImage, TrainingClient } from '../client/index.ts';
import type { SplitName } from '../core/index.ts';
import type { Setup } from './setup.ts';
import { spreadOver } from './spread.ts';

export interface Described {
  readonly status: 'unknown' | 'reading' | 'ready' | 'failed';
  readonly description?: DataDescription | undefined;
  /** A few training pictures from all over. */
  readonly samples: readonly DataImage[];
  /** By split: the pictures that are shown one after the other. */
  readonly images: Readonly<Partial<Record<SplitName, readonly DataImage[]>>>;
  readonly error?: unknown;
}

export interface DataPeek {
  readonly now: ReadonlySignal<Described>;
  /**
   * Reads the data if what is known is not of this recipe, or failed. Call it from an effect that depends on the recipe and on
   * what was picked.
   */
  want(): Promise<void>;
  /** Shows pictures of a split from a position on. */
  show(split: SplitName, from: number): Promise<void>;
}

export const shownPictures = 12;
export const shownSamples = 8;

export function openDataPeek(client: TrainingClient, setup: Setup): DataPeek {
  const now = signal<Described>({ status: 'unknown', samples: [], images: {} });
  let known: string | undefined;
  let sources: readonly unknown[] = [];
  let turns = 0;
  const fetchImages = (split: SplitName, from: number): Promise<DataImage[]> =>
    client.worker.dataImages(
      split,
      Array.from({ length: shownPictures }, (_, i) => from + i),
    );
  return {
    now,
    async want() {
      const reading = setup.reading.peek();
      const recipe = reading?.recipe;
      if (!recipe) return;
      const { data, model, training } = recipe;
      const key = JSON.stringify([data, model.task_type, training.seed]);
      // Another folder may have the name of one before, and one that was away may have been picked again.
      const named = Object.entries(setup.places.peek()).flatMap(([path, source]) =>
        key.includes(path) ? [source] : [],
      );
      const same = named.length === sources.length && named.every((source, i) => source === sources[i]);
      if (key === known && same && now.peek().status !== 'failed') return;
      known = key;
      sources = named;
      const turn = ++turns;
      now.value = { ...now.peek(), status: 'reading', error: undefined };
      try {
        const description = await client.worker.describeData(await setup.ready());
        const chosen = spreadOver(description.splits.train?.images ?? 0, shownSamples);
        const samples = await client.worker.dataImages('train', chosen);
        if (turn === turns) now.value = { status: 'ready', description, samples, images: {} };
      } catch (error) {
        if (turn === turns) now.value = { status: 'failed', samples: [], images: {}, error };
      }
    },
    async show(split, from) {
      const images = await fetchImages(split, from);
      now.value = { ...now.peek(), images: { ...now.peek().images, [split]: images } };
    },
  };
}
