/** Everything that understands recipes in the page; loaded when it is first needed. */
export { type Change, changeRecipe } from './change.ts';
export { type FieldSpec, formSections, type SectionSpec } from './fields.ts';
export { type Reading, readRecipe } from './read.ts';
export { readValue, writeValue } from './value.ts';
