import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../core/index.ts';
import { parseRecipe, type Recipe, resolvedYaml } from './index.ts';

const minimal = `
model:
  model_name: google/vit-base-patch16-224
  task_type: classification
data:
  train_data_path: train
  val_data_path: val
`;

function problemsOf(text: string, overrides: string[] = []): readonly string[] {
  try {
    parseRecipe(text, { source: 'r.yaml', overrides });
  } catch (error) {
    if (error instanceof ConfigError) {
      expect(error.exitCode).toBe(2);
      return error.problems;
    }
    throw error;
  }
  return [];
}

const withOverrides = (...overrides: string[]): Recipe => parseRecipe(minimal, { overrides }).recipe;

describe('a minimal recipe', () => {
  it('gets every default', () => {
    const { recipe, warnings } = parseRecipe(minimal);
    expect(warnings).toEqual([]);
    expect(recipe.training).toMatchObject({
      max_epochs: 100,
      learning_rate: 1e-4,
      scheduler: 'cosine',
      scheduler_params: { T_max: 100, eta_min: 0 },
      optimizer_params: { betas: [0.9, 0.999], eps: 1e-8 },
      monitor_metric: 'val_loss',
      monitor_mode: 'min',
    });
    expect(recipe.mlflow).toMatchObject({
      tracking_uri: null,
      experiment_name: 'classification_training',
      run_name: 'vit-base-patch16-224',
      log_model: 'best',
    });
    expect(recipe.data.augmentations).toEqual([]);
  });

  it.each([
    ['detection', 'val_map', 'max'],
    ['semantic_segmentation', 'val_miou', 'max'],
    ['universal_segmentation', 'val_pq', 'max'],
  ])('watches the usual metric of %s', (task, metric, mode) => {
    const { training } = withOverrides(`model.task_type=${task}`);
    expect([training.monitor_metric, training.monitor_mode]).toEqual([metric, mode]);
  });

  it('reads the aliases of tasks, precisions, optimisers and log_model', () => {
    const recipe = withOverrides(
      'model.task_type=universal_segmentation',
      'training.precision=16-mixed',
      'training.optimizer=AdamW',
      'mlflow.log_model=false',
    );
    expect(recipe.model.task_type).toBe('panoptic_segmentation');
    expect(recipe.training.precision).toBe('fp16');
    expect(recipe.training.optimizer).toBe('adamw');
    expect(recipe.mlflow.log_model).toBe('none');
  });

  it('lets T_max follow the epochs, and the run when its steps are limited', () => {
    expect(withOverrides('training.max_epochs=7').training.scheduler_params).toEqual({
      T_max: 7,
      eta_min: 0,
    });
    expect(withOverrides('training.max_steps=10').training.scheduler_params).toEqual({
      T_max: null,
      eta_min: 0,
    });
  });
});

describe('problems', () => {
  it('are all reported at once, with line, column and the nearest name', () => {
    const problems = problemsOf(`model:
  model_name: a
  task_type: clasification
  epoch: 3
data:
  train_data_path: 3
  batch_sise: 8
training:
  learning_rate: fast
  batch_size: 4
  early_stopping_patience: -1
modle: 1
`);
    expect(problems).toEqual([
      expect.stringMatching(
        /^r\.yaml:3:3 model\.task_type: expected one of .*did you mean classification\?.*Received: text "clasification"$/,
      ),
      'r.yaml:4:3 model.epoch: unknown key; did you mean training.max_epochs?',
      'r.yaml:5:1 data.val_data_path: missing. Expected text',
      'r.yaml:6:3 data.train_data_path: expected text. Received: number 3',
      'r.yaml:7:3 data.batch_sise: unknown key; did you mean data.batch_size?',
      'r.yaml:9:3 training.learning_rate: expected a number. Received: text "fast"',
      'r.yaml:10:3 training.batch_size: unknown key; did you mean data.batch_size?',
      'r.yaml:11:3 training.early_stopping_patience: expected a number ≥ 0. Received: number -1',
      'r.yaml:12:1 modle: unknown key; did you mean model?',
    ]);
  });

  it('of YAML itself have their line', () => {
    expect(problemsOf('model:\n  a: [1, 2\n')[0]).toMatch(/^r\.yaml:\d+:\d+ expected YAML 1\.2/);
    expect(problemsOf('model:\n  a: 1\n  a: 2\n')[0]).toMatch(/^r\.yaml:3:3 .*unique/);
    expect(problemsOf('')[0]).toMatch(/expected a recipe.*Received: nothing/);
    expect(problemsOf('- 1\n')[0]).toMatch(/expected a recipe.*Received: list/);
  });

  it('of aliases and second documents have their line and our words', () => {
    expect(problemsOf('model: &m\n  model_name: *m\n')).toEqual([
      'r.yaml:2:15 expected the alias of a value. Received: *m, which contains itself',
    ]);
    expect(problemsOf('model:\n  config: {<<: *base}\n')).toEqual([
      'r.yaml:2:16 expected the alias of a value. Received: *base, an anchor that does not stand before it',
    ]);
    expect(problemsOf('a: 1\n---\nb: 2\n')).toEqual([
      'r.yaml:2:1 expected one YAML document. Received: a second one',
    ]);
  });

  it('of missing sections name the missing keys', () => {
    expect(problemsOf('training: {max_epochs: 3}')).toEqual([
      'r.yaml:1:1 model.model_name: missing. Expected text',
      expect.stringMatching(/model\.task_type: missing\. Expected one of classification/),
      'r.yaml:1:1 data.train_data_path: missing. Expected text',
      'r.yaml:1:1 data.val_data_path: missing. Expected text',
    ]);
  });

  it('include a metric that the task does not compute', () => {
    expect(problemsOf(`${minimal}training: {monitor_metric: val_map}`)[0]).toMatch(
      /r\.yaml:8:12 training\.monitor_metric: expected a metric that classification computes: .*val_accuracy/,
    );
    expect(problemsOf(`${minimal}training: {monitor_metric: accuracy}`)[0]).toMatch(
      /did you mean val_accuracy\?/,
    );
    expect(
      problemsOf(minimal, ['model.task_type=detection', 'training.monitor_metric=val_map_class_7']),
    ).toEqual([]);
    expect(
      problemsOf(minimal, ['model.task_type=detection', 'training.monitor_metric=val_map_class_x']),
    ).toHaveLength(1);
    expect(problemsOf(minimal, ['training.monitor_metric=test_accuracy'])).toHaveLength(1);
  });

  it('include settings that exclude each other', () => {
    expect(problemsOf(minimal, ['training.warmup_steps=3', 'training.warmup_ratio=0.1'])[0]).toMatch(
      /expected one of warmup_steps/,
    );
    expect(problemsOf(minimal, ['training.optimizer_params.momentum=0.9'])[0]).toMatch(
      /expected an option of adamw/,
    );
    expect(problemsOf(minimal, ['training.optimizer=sgd', 'training.optimizer_params.momentum=0.9'])).toEqual(
      [],
    );
    expect(problemsOf(minimal, ['training.val_check_interval=1.5'])[0]).toMatch(
      /whole number of optimiser steps/,
    );
    expect(problemsOf(minimal, ['model.num_classes=3', 'data.class_weights=[1,2]'])[0]).toMatch(
      /expected 3 numbers/,
    );
    expect(problemsOf(minimal, ['model.config.model_type=vit'])[0]).toMatch(/expected pretrained: false/);
    expect(problemsOf(minimal, ['data.augmentations.random_resize=[2,1]'])[0]).toMatch(/low ≤ high/);
    expect(problemsOf(minimal, ['data.augmentations.rotatoin=3'])[0]).toMatch(
      /did you mean data\.augmentations\.rotation\?/,
    );
    expect(problemsOf(minimal, ['data.augmentations.color_jitter.hue=3'])[0]).toMatch(
      /expected a number ≤ 0\.5/,
    );
  });
});

describe('settings without effect', () => {
  it.each([
    'training.distributed=true',
    'mlflow.registry_uri=databricks-uc',
    'tuning.num_samples=3',
    'data.augment=true',
    'training.scheduler_params.gamma=0.5',
    'training.monitor_mode=max',
    'model.task_type=detection model.dropout=0.1',
  ])('are said: %s', (overrides) => {
    const { warnings } = parseRecipe(`${minimal}training: {monitor_metric: val_loss}`, {
      overrides: overrides.split(' '),
    });
    expect(warnings.map(({ code }) => code)).toEqual(['unusual_setting']);
    expect(warnings[0]!.message).toMatch(/^argument .* (has no effect|names no step|is max, but)/);
  });
});

describe('overrides', () => {
  it('have the types that a file would give them', () => {
    const { training, data, mlflow } = withOverrides(
      'training.max_epochs=3',
      'training.learning_rate=1e-3',
      'training.early_stopping_patience=null',
      'data.class_weights=[1, 2.5]',
      'mlflow.run_name="2024"',
      'mlflow.tags.owner=me',
      'data.augmentations.rotation={degrees: 5, p: 1}',
      'data.augmentations.horizontal_flip=true',
    );
    expect(training).toMatchObject({ max_epochs: 3, learning_rate: 1e-3, early_stopping_patience: null });
    expect(data.class_weights).toEqual([1, 2.5]);
    expect(mlflow).toMatchObject({ run_name: '2024', tags: { owner: 'me' } });
    expect(data.augmentations).toEqual([
      { type: 'rotation', degrees: 5, p: 1 },
      { type: 'horizontal_flip', p: 0.5 },
    ]);
  });

  it('name the argument when they are wrong', () => {
    expect(problemsOf(minimal, ['training.max_epochs=x', 'training.max_epoch=3'])).toEqual([
      expect.stringMatching(
        /^argument training\.max_epochs=x training\.max_epochs: expected a number\. Received: text "x"$/,
      ),
      expect.stringMatching(/^argument training\.max_epoch=3 .*did you mean training\.max_epochs\?$/),
    ]);
    expect(problemsOf(minimal, ['training', '=3', 'a..b=1', 'a=[1', '__proto__.x=1'])).toHaveLength(5);
    expect(problemsOf(minimal, ['model.model_name.x=1'])[0]).toMatch(
      /expected a section at model\.model_name/,
    );
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it('beat the file in an older spelling too', () => {
    const text = `${minimal}training: {max_epochs: 9}`;
    const { recipe } = parseRecipe(text, { overrides: ['model.epochs=2'] });
    expect(recipe.training.max_epochs).toBe(2);
  });
});

describe("the reference system's files", () => {
  const folder = new URL('./fixtures/', import.meta.url);
  const files = readdirSync(folder);
  const load = (file: string, overrides: string[] = []) =>
    parseRecipe(readFileSync(new URL(file, folder), 'utf8'), { source: file, overrides });

  it('are eight', () => expect(files).toHaveLength(8));

  it.each(files)('%s loads as it is and survives being written out', (file) => {
    const { recipe, warnings } = load(file);
    expect(recipe.training.learning_rate).toBe(1e-4);
    expect(recipe.training.scheduler_params.eta_min).toBe(1e-6);
    expect(recipe.mlflow.log_model).toBe('best');
    expect(warnings.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/:\d+:\d+: training\.use_gpu has no effect: --device/),
    );
    const again = parseRecipe(resolvedYaml(recipe));
    expect(again.recipe).toEqual(recipe);
    expect(resolvedYaml(again.recipe)).toBe(resolvedYaml(recipe));
  });

  it('keep their augmentations in order', () => {
    expect(load('classification_vit_config.yaml').recipe.data.augmentations).toEqual([
      { type: 'horizontal_flip', p: 0.5 },
      { type: 'rotation', degrees: 15, p: 0.5 },
      { type: 'color_jitter', brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.1, p: 0.5 },
      { type: 'random_crop', area: [0.8, 1], p: 0.5 },
      { type: 'random_resize', scale: [0.8, 1.2], p: 0.5 },
    ]);
  });

  it('may differ between model and training: training wins, with a warning', () => {
    const text = readFileSync(new URL('classification_resnet_config.yaml', folder), 'utf8');
    const { recipe, warnings } = parseRecipe(text.replace('learning_rate: 1e-4', 'learning_rate: 0.5'));
    expect(recipe.training.learning_rate).toBe(1e-4);
    expect(warnings).toContainEqual({
      code: 'conflicting_keys',
      message: expect.stringMatching(
        /recipe\.yaml:7:3: model\.learning_rate \(number 0\.5\) differs from training\.learning_rate .* training\.learning_rate counts/,
      ) as string,
    });
  });

  it('let max_epochs win over epochs', () => {
    const { recipe } = load('detection_yolos_config.yaml', ['training.max_epochs=3']);
    expect(recipe.training.max_epochs).toBe(3);
    expect(recipe.training.scheduler_params.T_max).toBe(300);
  });

  it('take the image size of data', () => {
    expect(load('semantic_segmentation_segformer_config.yaml').recipe.model.image_size).toBe(512);
    expect(load('detection_detr_config.yaml', ['model.image_size=128']).recipe.model.image_size).toBe(128);
  });
});

describe('older keys', () => {
  it('move to their place', () => {
    const { recipe } = parseRecipe(`
model: {name: facebook/detr-resnet-50, task_type: detection, model_kwargs: {dropout: 0.1}, num_queries: 5}
data: {train_data_path: a, val_data_path: b, horizontal_flip: true, rotation: 30, mean: [0.5, 0.5, 0.5]}
logging: {log_every_n_steps: 7, save_top_k: 1, monitor: val_map_50, mode: max}
augmentation: {mosaic: true, random_crop: true}
distributed: {backend: ray}
mlflow:
optimization: {best_val_map: 0.3}
`);
    expect(recipe.model.config).toEqual({ dropout: 0.1, num_queries: 5 });
    expect(recipe.data.augmentations.map(({ type }) => type)).toEqual([
      'horizontal_flip',
      'rotation',
      'random_crop',
    ]);
    expect(recipe.data.normalize_mean).toEqual([0.5, 0.5, 0.5]);
    expect(recipe.training).toMatchObject({
      log_every_n_steps: 7,
      save_top_k: 1,
      monitor_metric: 'val_map_50',
    });
  });

  it('take python tuples and merge keys', () => {
    const { recipe } = parseRecipe(
      `
base: &base
model: {model_name: a, task_type: detection, image_size: !!python/tuple [64, 96]}
data: &data {train_data_path: a, val_data_path: b}
training: {<<: {max_epochs: 4}, seed: 1}
`.replace('base: &base\n', ''),
    );
    expect(recipe.model.image_size).toEqual([64, 96]);
    expect(recipe.training).toMatchObject({ max_epochs: 4, seed: 1 });
  });
});

describe('a recipe from somebody else', () => {
  it.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'])(
    'changes nothing by a key %s',
    (name) => {
      const sections = ['model', 'data', 'training', 'mlflow'];
      const text = minimal.replace(/^(\w+):\n/gm, `$1:\n  ${name}: {polluted: 1}\n`);
      expect(problemsOf(`${text}${name}: {polluted: 1}\n`).length, text).toBeGreaterThan(0);
      for (const section of sections) {
        for (const path of [`${name}.polluted`, `${section}.${name}`, `${section}.${name}.polluted`]) {
          expect(problemsOf(minimal, [`${path}=1`]).length, path).toBeGreaterThan(0);
        }
      }
      expect({}).not.toHaveProperty('polluted');
    },
  );

  it('keeps free sections free of them', () => {
    const text = `${minimal}mlflow:\n  tags: {__proto__: {polluted: 1}, constructor: x}\n`;
    parseRecipe(text);
    expect({}).not.toHaveProperty('polluted');
  });

  it('with aliases that grow without end, or a value nested 50,000 deep, is told to be wrong', () => {
    const levels = 'abcdefghijkl'.split('');
    const bomb = levels.map(
      (name, i) => `${name}: &${name} [${i === 0 ? '1' : `*${levels[i - 1]},`.repeat(12)}]`,
    );
    expect(problemsOf(`${minimal}mlflow:\n  tags:\n    ${bomb.join('\n    ')}\n`).length).toBeGreaterThan(0);
    const deep = `${'['.repeat(50_000)}1${']'.repeat(50_000)}`;
    expect(problemsOf(minimal, [`training.max_epochs=${deep}`]).length).toBeGreaterThan(0);
  });

  it('has its passwords left out where it is copied', () => {
    for (const address of [
      'https://me:s3cret@host/x',
      'https://me:s3/cret@host/x',
      'http://me:s3@cret@host',
    ]) {
      const { recipe } = parseRecipe(minimal, { overrides: [`mlflow.tracking_uri=${address}`] });
      expect(resolvedYaml(recipe)).not.toMatch(/s3|cret/);
    }
  });
});
