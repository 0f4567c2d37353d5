/**
 * One run as a process of its own, which tests may kill: `<recipe.yaml> <run folder> [resume] [key=value …]`.
 * Prints each event as a line of JSON and ends with the exit code of the command line.
 */
import { readFile } from 'node:fs/promises';
import { parseRecipe } from '../../src/config/index.ts';
import { exitCodeOf } from '../../src/core/index.ts';
import { train } from '../../src/runs/index.ts';

const [source, out, ...rest] = process.argv.slice(2) as [string, string, ...string[]];
const resume = rest[0] === 'resume';
const overrides = resume ? rest.slice(1) : rest;
const controller = new AbortController();
process.on('SIGINT', () => controller.abort());
try {
  const { recipe } = parseRecipe(await readFile(source, 'utf8'), { source, overrides });
  for await (const event of train({ recipe, out, resume, device: 'wasm' }, controller.signal)) {
    process.stdout.write(`${JSON.stringify(event)}\n`);
  }
} catch (error) {
  console.error(error);
  process.exitCode = exitCodeOf(error);
}
