/** The recipe: its schema, its text, its defaults. Public face of the room. */
export {
  type Override,
  parseOverrides,
} from './overrides.ts';
export { type ParseOptions, type ParseResult, parseRecipe } from './parse.ts';
export { isPlaceholder, usableData, usablePlace } from './places.ts';
export { type AdaptedProcessor, adaptProcessor } from './processor.ts';
export {
  type Augmentation,
  type AugmentationName,
  defaultMode,
  isMonitorName,
  monitorNames,
  type Recipe,
  type RecipeInput,
  type RecipeTask,
  recipeSchema,
  taskMetrics,
  taskNames,
} from './schema/index.ts';
export { recipeTemplate, type TemplateTask, templateTasks } from './template.ts';
export type { RecipeWarning } from './warnings.ts';
export { plainRecipe, resolvedYaml, schemaLine } from './write.ts';
