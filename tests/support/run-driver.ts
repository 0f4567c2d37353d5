/**
 * One run as a process of its own, which tests may kill: `<recipe.yaml> <run folder> [resume] [interrupt=…] [key=value …]`.
 * Prints each event as a line of JSON and ends with the exit code of the command line. `interrupt=4` or
 * `interrupt=evaluation`: sends itself a SIGINT at that step or event, and goes on when it has come; from outside it would come
 * whenever the machine has time, after the end of a short run too.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { parseRecipe } from '../../src/config/index.ts';
import { exitCodeOf, type RunEvent } from '../../src/core/index.ts';
import { train } from '../../src/runs/index.ts';

const [source, out, ...rest] = process.argv.slice(2) as [string, string, ...string[]];
const resume = rest[0] === 'resume';
const overrides = rest.slice(resume ? 1 : 0).filter((word) => !word.startsWith('interrupt='));
const moment = rest.find((word) => word.startsWith('interrupt='))?.slice('interrupt='.length);
const controller = new AbortController();
process.on('SIGINT', () => controller.abort());

async function interruptAt(event: RunEvent): Promise<void> {
  if (controller.signal.aborted) return;
  if (event.type !== moment && !(event.type === 'step' && String(event.step) === moment)) return;
  const heard = once(controller.signal, 'abort');
  process.kill(process.pid, 'SIGINT');
  await heard;
}

try {
  const { recipe } = parseRecipe(await readFile(source, 'utf8'), { source, overrides });
  for await (const event of train({ recipe, out, resume, device: 'wasm' }, controller.signal)) {
    process.stdout.write(`${JSON.stringify(event)}\n`);
    await interruptAt(event);
  }
} catch (error) {
  console.error(error);
  process.exitCode = exitCodeOf(error);
}
