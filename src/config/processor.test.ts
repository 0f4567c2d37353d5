import { describe, expect, it } from 'vitest';
import { adaptProcessor, isPlaceholder, parseRecipe, usablePlace } from './index.ts';

const recipeOf = (...overrides: string[]) =>
  parseRecipe(
    'model: {model_name: a/b, task_type: detection}\ndata: {train_data_path: a, val_data_path: b}',
    { overrides },
  ).recipe;

describe('the image size of a recipe', () => {
  it.each([
    [
      { size: { shortest_edge: 800, longest_edge: 1333 } },
      400,
      { size: { shortest_edge: 400, longest_edge: 667 } },
    ],
    [{ size: 800, max_size: 1333 }, 400, { size: 400, max_size: 667 }],
    [
      { image_processor_type: 'DetrImageProcessor' },
      600,
      { size: { shortest_edge: 600, longest_edge: 1000 } },
    ],
    [{ size: { height: 224, width: 224 } }, 96, { size: { height: 96, width: 96 } }],
    [{ size: { shortest_edge: 224 }, crop_pct: 0.875 }, 64, { size: { shortest_edge: 64 }, crop_pct: 0.875 }],
    [
      { do_center_crop: true, size: { shortest_edge: 256 }, crop_size: { height: 224, width: 224 } },
      112,
      { size: { shortest_edge: 128 }, crop_size: { height: 112, width: 112 } },
    ],
    [{ size: { shortest_edge: 800, longest_edge: 1333 } }, [64, 96], { size: { height: 64, width: 96 } }],
  ])('%j at %j', (config, size, expected) => {
    const recipe = recipeOf(`model.image_size=${JSON.stringify(size)}`);
    expect(adaptProcessor(config, recipe).config).toMatchObject(expected);
  });

  it('is refused where the processor makes squares only', () => {
    const config = { image_processor_type: 'ConvNextImageProcessor', size: { shortest_edge: 224 } };
    expect(() => adaptProcessor(config, recipeOf('model.image_size=[33, 47]'))).toThrow(
      'one number for model.image_size: ConvNextImageProcessor makes squares',
    );
    expect(adaptProcessor(config, recipeOf('model.image_size=[48, 48]')).config.size).toEqual({
      shortest_edge: 48,
    });
  });

  it('stays as the checkpoint has it when none is given', () => {
    const config = { size: { height: 224, width: 224 } };
    expect(adaptProcessor(config, recipeOf())).toEqual({ config, warnings: [] });
  });
});

describe('mean and standard deviation of a recipe', () => {
  const config = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] };

  it('count for a model that is trained from scratch', () => {
    const recipe = recipeOf('model.pretrained=false', 'data.normalize_mean=[0.1,0.2,0.3]');
    expect(adaptProcessor(config, recipe).config.image_mean).toEqual([0.1, 0.2, 0.3]);
  });

  it('are a warning when a checkpoint has others', () => {
    const adapted = adaptProcessor(
      config,
      recipeOf('data.normalize_mean=[0.1,0.2,0.3]', 'data.normalize_std=[0.5,0.5,0.5]'),
    );
    expect(adapted.config).toEqual(config);
    expect(adapted.warnings).toHaveLength(1);
  });
});

describe('places', () => {
  it('with placeholders fail only when they are used', () => {
    const place = '/Volumes/<catalog>/<schema>/<volume>/data';
    expect(recipeOf(`data.train_data_path=${place}`).data.train_data_path).toBe(place);
    expect(isPlaceholder(place)).toBe(true);
    expect(() => usablePlace(place, 'data.train_data_path')).toThrow(/<catalog>/);
    expect(usablePlace('/Volumes/a/b/c', 'x')).toBe('/Volumes/a/b/c');
  });
});
