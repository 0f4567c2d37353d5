/** Everything that understands recipes in the page; loaded when it is first needed. */
export { type Change, changeRecipe } from './change.ts';
export { type Reading, readRecipe } from './read.ts';
