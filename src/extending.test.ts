/**
 * A program that extends Ocelli, with nothing but what the package exports: a family and an optimiser of its own,
 * named in a recipe and trained. What it can't do from there, nobody outside of this repository can.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type Algorithm,
  type Family,
  type HfConfig,
  type ModelInputs,
  type ModelOutputs,
  nn,
  type OptimizerOptions,
  parseRecipe,
  type RunEvent,
  registerFamily,
  registerOptimizer,
  resolvedYaml,
  type TaskName,
  tf,
  train,
  VisionModel,
} from './index.ts';

/** The mean colour of each quarter of the picture, and a linear layer. */
class QuartersForImageClassification extends VisionModel {
  protected readonly backbonePrefix = 'embed.';
  readonly classHeads = [
    { parameter: 'classifier.weight', extraRows: 0 },
    { parameter: 'classifier.bias', extraRows: 0 },
  ];
  private readonly embed: nn.Linear;
  private readonly classifier: nn.Linear;

  constructor(config: HfConfig, task: TaskName) {
    super(config, task);
    this.embed = this.child('embed', new nn.Linear(12, 8));
    const labels = Object.keys(config.id2label as object).length;
    this.classifier = this.child('classifier', new nn.Linear(8, labels));
  }

  forward({ pixel_values: pixels }: ModelInputs): ModelOutputs {
    return tf.tidy(() => {
      const quarters = tf.mean(tf.reshape(pixels, [-1, 3, 2, 16, 2, 16]), [3, 5]);
      const hidden = tf.relu(this.embed.forward(tf.reshape(quarters, [-1, 12])));
      return { logits: this.classifier.forward(hidden) };
    });
  }
}

const quarters: Family = {
  modelType: 'quarters',
  architectures: { classification: 'QuartersForImageClassification' },
  baseModelPrefix: '',
  build: (config, task) => new QuartersForImageClassification(config, task),
  defaultProcessor: () => ({
    image_processor_type: 'ViTImageProcessor',
    size: { height: 32, width: 32 },
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
  }),
};

/** Chen et al., "Symbolic Discovery of Optimization Algorithms" (2023): the sign of a momentum. */
function lion({ beta = 0.9 }: OptimizerOptions): Algorithm {
  const share = Number(beta);
  return {
    name: 'Lion',
    weightDecay: 0,
    slots: { momentum: 0 },
    scalars: ({ learningRate }) => ({ rate: learningRate }),
    update({ parameter, gradient, slots, scalars }) {
      const momentum = tf.add(tf.mul(slots.momentum!, share), tf.mul(gradient, 1 - share));
      return { parameter: tf.sub(parameter, tf.mul(tf.sign(momentum), scalars.rate!)), slots: { momentum } };
    },
  };
}

const text = `
model:
  model_name: quarters
  task_type: classification
  pretrained: false
  config: { model_type: quarters }
data:
  train_data_path: sample:shapes?images=16&seed=1
  val_data_path: sample:shapes?images=8&seed=2
  batch_size: 8
  num_workers: 0
training:
  optimizer: Lion
  optimizer_params: { beta: 0.8 }
  max_epochs: 2
  learning_rate: 1e-3
  log_every_n_steps: 1
`;

let folder: string;
let forget: () => void;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-extending-'));
  forget = registerFamily(quarters);
});
afterAll(async () => {
  forget();
  await rm(folder, { recursive: true, force: true });
});

it('an optimiser that nobody registered is no name for a recipe', () => {
  expect(() => parseRecipe(text)).toThrow(/training\.optimizer: expected one of adamw/);
});

it('a family and an optimiser of a program are trained by a recipe that names them', async () => {
  registerOptimizer('lion', lion);
  const { recipe } = parseRecipe(text);
  expect(recipe.training).toMatchObject({ optimizer: 'lion', optimizer_params: { beta: 0.8 } });
  expect(parseRecipe(resolvedYaml(recipe)).recipe).toEqual(recipe);
  const events: RunEvent[] = [];
  for await (const event of train({ recipe, out: join(folder, 'run'), device: 'cpu' })) events.push(event);
  expect(events.filter(({ type }) => type === 'step')).toHaveLength(4);
  expect(events.at(-1)).toMatchObject({ type: 'finished' });
  expect(events.find((event) => event.type === 'exported' && event.format === 'onnx')).toBeDefined();
  const config = await readFile(join(folder, 'run/model/config.json'), 'utf8');
  expect(JSON.parse(config)).toMatchObject({ model_type: 'quarters' });
});
