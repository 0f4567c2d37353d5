/**
 * Runs for tests of what comes after training: real and short, the shipped model on a few generated pictures, trained in the page as
 * its user does it.
 */
import type { Page } from 'playwright-core';
import { drawShapes } from '../../../src/data/sample/shapes.ts';
import { encodeImage } from '../../../src/platform/node/index.ts';
import { patience, show, startTraining, status } from './views.ts';

export const shippedModel = 'figures-resnet';
export const valImages = 40;

/** Few steps, so that the model is still wrong sometimes. */
export const figuresRecipe = ({
  name = 'first',
  rate = '5e-4',
  epochs = 2,
  place = `/picked/${shippedModel}`,
}: {
  readonly name?: string;
  readonly rate?: string;
  readonly epochs?: number;
  /** Where the shipped model is. */
  readonly place?: string;
} = {}): string => `
model:
  model_name: ${place}
  task_type: classification
data:
  train_data_path: sample:shapes?images=96&classes=4&seed=1
  val_data_path: sample:shapes?images=${valImages}&classes=4&seed=2
  batch_size: 32
  num_workers: 0
training:
  max_epochs: ${epochs}
  learning_rate: ${rate}
  early_stopping_patience: null
  seed: 4
  log_every_n_steps: 1
mlflow:
  run_name: ${name}
output:
  visualization: { save_images: false }
`;

/** A picture of one of the four shapes that these runs learn. */
export const shapePicture = (index: number): Promise<Uint8Array> =>
  encodeImage(drawShapes(index, { seed: 91, size: 96, classes: 4, objects: 1 }), 'png');

/** Presses Train with this recipe, and waits for nothing. */
export async function begin(page: Page, recipe: string): Promise<void> {
  await page.evaluate((text) => localStorage.setItem('ocelli-recipe', text), recipe);
  await show(page, 'train');
  await page.reload();
  await startTraining(page);
}

/** Trains a recipe to its end; returns the run's folder. */
export async function train(page: Page, recipe: string): Promise<string> {
  await begin(page, recipe);
  await status(page, 'finished');
  return (await page.locator('dd code', { hasText: '/runs/' }).textContent())!;
}

export type LoggedEvent = {
  readonly type: string;
  readonly split?: string;
  readonly step?: number;
} & Readonly<Record<string, unknown>>;

/** `events.jsonl` of a run, from the browser's disk. */
export async function loggedEvents(page: Page, run: string): Promise<LoggedEvent[]> {
  const text = await page.evaluate(async (path) => {
    let at = await navigator.storage.getDirectory();
    for (const part of path.split('/').filter(Boolean)) at = await at.getDirectoryHandle(part);
    return (await (await at.getFileHandle('events.jsonl')).getFile()).text();
  }, run);
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LoggedEvent);
}

/** The scores on a picture's card in the Try view, as the user reads them: `{ star: 98, … }`. */
export async function scoresShown(page: Page, name: string): Promise<Record<string, number>> {
  const card = page.locator('.try-result', { hasText: name });
  await card.locator('.try-labels').waitFor(patience);
  const rows = await card.locator('.try-labels li').allInnerTexts();
  return Object.fromEntries(
    rows.map((row) => {
      const [label, percent] = row.split('\n');
      return [label!.trim(), Number.parseInt(percent!, 10)];
    }),
  );
}
