/** The recipe: its schema, its text, its defaults. Public face of the room. */
export { acceptOptimizer } from './added-optimizers.ts';
export { recipeJsonSchema } from './document.ts';
export { isDeepStrictEqual } from './equal.ts';
export {
  diagnoseRecipe,
  type ParseOptions,
  type ParseResult,
  parseRecipe,
  type RecipeDiagnosis,
  type RecipeProblem,
} from './parse.ts';
export { isPlaceholder, refuseSecrets, shownPlace, usableData, usablePlace } from './places.ts';
export { type AdaptedProcessor, adaptProcessor } from './processor.ts';
export { plateauDefaults } from './resolve.ts';
export {
  type Augmentation,
  type ColorRanges,
  type Range,
  type Recipe,
  recipeSchema,
  schedulerNames,
} from './schema/index.ts';
export { recipeTemplate, type TemplateTask, templateTasks } from './template.ts';
export type { RecipeWarning } from './warnings.ts';
export { plainRecipe, resolvedYaml } from './write.ts';
