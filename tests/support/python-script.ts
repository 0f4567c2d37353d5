/** Python script files with JSON as their last line, for tests that compare numbers. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Purpose, python } from './python.ts';

const run = promisify(execFile);

/** Fails, and says what to run, where the purpose's packages can't be had. */
export async function pythonScript<Result>(
  purpose: Purpose,
  script: string,
  args: readonly string[],
): Promise<Result> {
  const [program, ...words] = await python(purpose).catch((cause: unknown) => {
    throw new Error(`Expected Python packages for ${purpose}. Fix: bash scripts/python.sh ${purpose}`, {
      cause,
    });
  });
  const { stdout } = await run(program!, [...words, script, ...args], {
    maxBuffer: 2 ** 28,
    timeout: 300_000,
    env: { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_VERBOSITY: 'error' },
  });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Result;
}
