/**
 * The recipe's schema: the one source of the TypeScript type, the JSON Schema for editors and the table in the
 * docs. Keys keep the names of the reference system's YAML files; older spellings and duplicates are mapped
 * onto these before (`legacy.ts`), so that every setting has exactly one place here.
 */
import { z } from 'zod';
import type { Augmentation } from './augmentations.ts';
import { dataSchema } from './data.ts';
import { modelSchema } from './model.ts';
import { mlflowSchema, outputSchema, tuningSchema } from './rest.ts';
import { trainingSchema } from './training.ts';

export const recipeSchema = z.strictObject({
  model: modelSchema.describe('Which checkpoint, which task'),
  data: dataSchema.describe('Where pictures and annotations are, and how batches are made'),
  training: trainingSchema.prefault({}).describe('How long, how fast, what is watched, what is kept'),
  mlflow: mlflowSchema.prefault({}).describe('Tracking. Missing: the run is recorded in its folder only'),
  output: outputSchema.prefault({}).describe('What a run leaves'),
  tuning: tuningSchema,
});

/** What a user may write. */
export type RecipeInput = z.input<typeof recipeSchema>;
/** After the schema, before what depends on other keys is filled in. */
export type ParsedRecipe = z.output<typeof recipeSchema>;

type Replace<Section, Changes> = Omit<Section, keyof Changes> & Changes;

/** A recipe with every default filled in: what a run reads. */
export interface Recipe {
  readonly model: Readonly<ParsedRecipe['model']>;
  readonly data: Readonly<Replace<ParsedRecipe['data'], { readonly augmentations: readonly Augmentation[] }>>;
  readonly training: Readonly<
    Replace<
      ParsedRecipe['training'],
      {
        readonly monitor_metric: string;
        readonly monitor_mode: 'min' | 'max';
        readonly scheduler_params: Readonly<Record<string, number | string | null>>;
        /** In lower case; one of the schema's, or one that a program added. */
        readonly optimizer: string;
        readonly optimizer_params: Readonly<Record<string, unknown>>;
      }
    >
  >;
  readonly mlflow: Readonly<
    Replace<ParsedRecipe['mlflow'], { readonly experiment_name: string; readonly run_name: string }>
  >;
  readonly output: Readonly<ParsedRecipe['output']>;
  readonly tuning: Readonly<ParsedRecipe['tuning']>;
}

export * from './augmentations.ts';
export * from './tasks.ts';
export { optimizerOptions, schedulerNames, schedulerOptions } from './training.ts';
