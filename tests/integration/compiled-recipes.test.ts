/**
 * Ten steps of each recipe of configs/, compiled and kernel by kernel, are the same but for rounding: with the
 * recipe's own optimiser, schedule, clipping, accumulation, augmentations and losses. Checkpoints of the hub are
 * replaced by the smallest model of their family, data by generated pictures. Gradients of |x| jump where rounding
 * changes a sign, so their norm may differ by 1 %, losses by 0.1 %; `cardinality_error`, which is no loss, counts
 * winners among equals and is left out.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRecipe, type Recipe } from '../../src/config/index.ts';
import type { Metrics } from '../../src/core/index.ts';
import { lookForGpu } from '../../src/engine/index.ts';
import { train } from '../../src/runs/index.ts';
import { tinyModels } from '../support/tiny-models.ts';

const adapter = (await lookForGpu()).adapter;
if (!adapter) console.warn('NOT RUN: no WebGPU adapter');

const recipes = (await readdir('configs')).filter((file) => file.endsWith('.yaml'));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-recipes-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function tenStepsOf(file: string): Promise<Recipe> {
  const text = await readFile(`configs/${file}`, 'utf8');
  const { recipe } = parseRecipe(text, { source: file });
  const family = /vit|resnet|detr|yolos/.exec(recipe.model.model_name)![0];
  const { config, size } = tinyModels[family]!;
  const parts = recipe.training.accumulate_grad_batches;
  const batchSize = parts > 1 ? 2 : 4;
  const data = (images: number, seed: number) => `sample:shapes?images=${images}&seed=${seed}&size=48`;
  return {
    ...recipe,
    model: { ...recipe.model, pretrained: false, image_size: Math.max(...size), config },
    data: {
      ...recipe.data,
      batch_size: batchSize,
      num_workers: 0,
      train_data_path: data(batchSize * parts * 5, 1),
      train_annotation_file: null,
      val_data_path: data(batchSize, 2),
      val_annotation_file: null,
      test_data_path: null,
      test_annotation_file: null,
    },
    training: { ...recipe.training, max_steps: 10, max_epochs: 2, log_every_n_steps: 1 },
  } as Recipe;
}

async function lossesOf(recipe: Recipe, eager: boolean): Promise<Metrics[]> {
  process.env.OCELLI_EAGER = eager ? '1' : '0';
  const rows: Metrics[] = [];
  const warnings: string[] = [];
  const out = await mkdtemp(join(folder, 'run-'));
  for await (const event of train({ recipe, out, device: 'webgpu' })) {
    if (event.type === 'step') {
      const { cardinality_error: _, ...parts } = event.parts;
      rows.push({ loss: event.loss, ...parts, grad_norm: event.grad_norm });
    }
    if (event.type === 'warning') warnings.push(event.code);
  }
  delete process.env.OCELLI_EAGER;
  expect(warnings.filter((code) => code.endsWith('not_compiled'))).toEqual([]);
  return rows;
}

describe.skipIf(!adapter)('ten compiled steps are those of eager execution', () => {
  for (const file of recipes) {
    it(`of ${file}`, async () => {
      const recipe = await tenStepsOf(file);
      const compiled = await lossesOf(recipe, false);
      const eager = await lossesOf(recipe, true);
      expect(compiled).toHaveLength(10);
      for (const [i, step] of eager.entries()) {
        for (const [name, value] of Object.entries(step)) {
          const error = Math.abs(compiled[i]![name]! - value);
          const share = name === 'grad_norm' ? 1e-2 : 1e-3;
          expect(error, `${name} of step ${i + 1}: ${value}`).toBeLessThan(share * (1e-2 + Math.abs(value)));
        }
      }
    }, 300_000);
  }
});
