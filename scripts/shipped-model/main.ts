/**
 * Makes the model that comes with the demo page: `npm run shipped-model`. It trains from random weights on generated
 * figures (pretrain.yaml, seeded, on WebAssembly, whose one thread adds numbers in one order), writes the Hugging Face
 * folder to public/models, and then measures what it is worth: the page's first recipe, from these weights and from
 * random ones, at the same number of steps. The model card says all of it.
 */
import { files } from '#platform';
import { parseRecipe, type Recipe } from '../../src/config/index.ts';
import type { Metrics } from '../../src/core/index.ts';
import { train } from '../../src/runs/index.ts';
import { readArguments } from '../arguments.ts';
import { shippedCard, type Trial } from './card.ts';

const name = 'figures-resnet';
const folder = `public/models/${name}`;
const scratch = `.cache/shipped-model`;
const seeds = [0, 1, 2];

const { values } = readArguments(
  'npm run shipped-model',
  { measure: { type: 'boolean' } },
  `npm run shipped-model               trains ${folder} (about ten minutes) and measures it
npm run shipped-model -- --measure  measures the model that is there`,
);

const pretrainPath = 'scripts/shipped-model/pretrain.yaml';
const pretrain = await recipeOf(pretrainPath);
if (!values.measure) {
  await finish(pretrain, `${scratch}/pretrain`);
  for (const file of ['config.json', 'preprocessor_config.json', 'model.safetensors']) {
    await files.copy(`${scratch}/pretrain/model/${file}`, `${folder}/${file}`);
  }
}

/** The page's first recipe from these weights, and from random ones: as it is, and with the rate that suits those better. */
const variants = [
  { from: 'this model', overrides: [] },
  { from: 'random weights', overrides: ['model.pretrained=false'] },
  {
    from: 'random weights, learning rate 3e-3',
    overrides: ['model.pretrained=false', 'training.learning_rate=3e-3'],
  },
];
const trials: Trial[] = [];
for (const { from, overrides } of variants) {
  for (const seed of seeds) {
    const recipe = await recipeOf('src/app/first-visit.yaml', [
      `model.model_name=${folder}`,
      `training.seed=${seed}`,
      'output.visualization.save_images=false',
      ...overrides,
    ]);
    const { after } = await finish(recipe, `${scratch}/trial-${trials.length}`);
    trials.push({ seed, from, accuracy: after });
  }
}

const own = await readMetrics(`${scratch}/pretrain`);
await files.write(
  `${folder}/README.md`,
  shippedCard({ name, recipe: await textOf(pretrainPath), pretrain, own, trials }),
);
const listed = (await files.list(folder)).filter((entry) => entry.name !== 'index.json');
const index = listed.map((entry) => ({ path: entry.name, size: entry.size }));
await files.write(`${folder}/index.json`, `${JSON.stringify(index, null, 2)}\n`);
console.log(`${folder}: ${index.reduce((sum, { size }) => sum + size, 0)} bytes`);

async function recipeOf(path: string, overrides: readonly string[] = []): Promise<Recipe> {
  return parseRecipe(await textOf(path), { source: path, overrides }).recipe;
}

async function textOf(path: string): Promise<string> {
  return new TextDecoder().decode(await files.read(path));
}

/** Trains to the end. `after`: accuracy on the validation images after each epoch, by step. */
async function finish(recipe: Recipe, out: string): Promise<{ readonly after: Metrics }> {
  await files.remove(out);
  const after: Record<string, number> = {};
  for await (const event of train({ recipe, out, device: 'wasm' })) {
    if (event.type === 'evaluation' && event.step !== undefined) {
      after[event.step] ??= event.metrics.val_accuracy ?? Number.NaN;
      console.log(`${out}: step ${event.step}, accuracy ${event.metrics.val_accuracy}`);
    }
  }
  return { after };
}

/** The last evaluation of the run that trained the model. */
async function readMetrics(run: string): Promise<Metrics> {
  const line = (await textOf(`${run}/events.jsonl`))
    .trim()
    .split('\n')
    .findLast((event) => event.includes('"finished"'));
  return line === undefined ? {} : (JSON.parse(line) as { metrics: Metrics }).metrics;
}
