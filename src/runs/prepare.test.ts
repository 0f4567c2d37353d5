import { expect, it } from 'vitest';
import { parseRecipe } from '../config/index.ts';
import { ClassMap } from '../core/index.ts';
import { openDevice } from '../engine/index.ts';
import { modelCompanions, prepareModel } from './prepare.ts';

const recipe = (multiLabel: boolean): string => `
model:
  model_name: resnet
  task_type: classification
  pretrained: false
  config: {model_type: resnet, embedding_size: 4, hidden_sizes: [4, 8], depths: [1, 1], layer_type: basic}
data:
  train_data_path: sample:shapes
  val_data_path: sample:shapes?seed=2
  multi_label: ${multiLabel}
`;

it.each([
  [true, 'multi_label_classification'],
  [false, 'single_label_classification'],
])('says in config.json how scores come from logits (multi_label: %s)', async (multiLabel, problem) => {
  const device = await openDevice('cpu');
  try {
    const parsed = parseRecipe(recipe(multiLabel), { source: 'recipe.yaml' });
    const classes = ClassMap.fromId2Label({ 0: 'cat', 1: 'dog' });
    const { loaded } = await prepareModel(parsed.recipe, classes);
    const config = JSON.parse((await modelCompanions(loaded)).get('config.json')!);
    loaded.model.dispose();
    expect(config.problem_type).toBe(problem);
  } finally {
    await device.dispose();
  }
});
