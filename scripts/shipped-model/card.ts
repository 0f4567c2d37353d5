/** The model card of the shipped model: its data, its training, and what was measured. */
import { stringify } from 'yaml';
import type { Recipe } from '../../src/config/index.ts';
import type { Metrics } from '../../src/core/index.ts';
import { namesOf } from '../../src/data/sample/outlines.ts';

export interface Trial {
  readonly seed: number;
  /** Which weights, in words. */
  readonly from: string;
  /** By step. */
  readonly accuracy: Metrics;
}

interface CardFacts {
  readonly name: string;
  readonly pretrain: Recipe;
  /** The same as it is written. */
  readonly recipe: string;
  /** Of the model itself, on its own validation images. */
  readonly own: Metrics;
  readonly trials: readonly Trial[];
}

export function shippedCard({ name, pretrain, recipe, own, trials }: CardFacts): string {
  const front = {
    license: 'apache-2.0',
    library_name: 'transformers',
    pipeline_tag: 'image-classification',
    tags: ['resnet', 'ocelli', 'generated-data'],
  };
  const steps = Object.keys(trials[0]?.accuracy ?? {});
  const written = (value: number | undefined): string => (value === undefined ? '–' : value.toFixed(3));
  const rows = trials.map(
    ({ seed, from, accuracy }) =>
      `| ${from} | ${seed} | ${steps.map((step) => written(accuracy[step])).join(' | ')} |`,
  );
  return `---
${stringify(front)}---

# ${name}

A small ResNet (basic blocks, ${pretrain.model.image_size} pixels) that tells ${namesOf('figures').length} generated figures apart. It comes with
Ocelli's demo page as a place to start from: fine-tuned on the page's sample data, whose classes it has never seen, it learns in
a minute what a network from random weights does not. It is of no use for anything else.

## Data

Pictures of one figure each, drawn by \`src/data/sample\`: \`${pretrain.data.train_data_path}\` for training,
\`${pretrain.data.val_data_path}\` for validation. Colour, size, place, rotation, background and noise are random and say nothing about the class.

Figures: ${namesOf('figures').join(', ')}.

The sample data show ${namesOf('shapes').join(', ')}. No figure is one of these, however it is turned (\`src/data/sample/sample.test.ts\`
lays each over each), so nothing of the sample data leaks into the weights. Their licence is Ocelli's: nobody's photograph is in it.

## Training

\`npm run shipped-model\`, from random weights with seed ${pretrain.training.seed}, on WebAssembly. Its own validation accuracy is
${written(own.val_accuracy)}.

\`\`\`yaml
${recipe.trim()}
\`\`\`

## What it is worth

The page's first recipe (\`src/app/first-visit.yaml\`: five shapes, 960 pictures, batches of 32, learning rate 1e-3) from these weights
and from random ones, also with a rate that suits random ones better; accuracy on its 200 validation pictures after so many steps (chance: 0.2).
\`tests/integration/shipped-model.test.ts\` holds the difference.

| from | seed | ${steps.map((step) => `step ${step}`).join(' | ')} |
|---|---|${steps.map(() => '---|').join('')}
${rows.join('\n')}
`;
}
