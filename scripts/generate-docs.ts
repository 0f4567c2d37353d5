/** Writes what is derived from the recipe's schema: configs/recipe.schema.json and the tables of docs/recipe.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { recipeSchemaFile, withRecipeTables } from '../src/config/document.ts';

writeFileSync('configs/recipe.schema.json', recipeSchemaFile());
writeFileSync('docs/recipe.md', withRecipeTables(readFileSync('docs/recipe.md', 'utf8')));
console.log('wrote configs/recipe.schema.json and the tables of docs/recipe.md');
