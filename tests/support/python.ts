/** The Python side of the tests: interpreters that scripts/python.sh prepares. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const prepared = new Map<string, Promise<readonly string[]>>();

export type Purpose = 'tools' | 'mlflow' | 'databricks' | 'servers' | 'tables' | 'torch';

/** The command of the interpreter for a purpose, as words: `env PYTHONPATH=… python3` or a path. */
export function python(purpose: Purpose): Promise<readonly string[]> {
  const known = prepared.get(purpose);
  if (known) return known;
  const command = run('bash', ['scripts/python.sh', purpose]).then(({ stdout }) =>
    stdout.trim().split('\n').at(-1)!.split(' '),
  );
  prepared.set(purpose, command);
  return command;
}
