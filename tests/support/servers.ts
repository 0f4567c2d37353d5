/** Programs of servers that tests start; scripts/servers.sh installs them when they are missing. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * The program of a server whose suite can be left out, or undefined, after saying why: toxiproxy needs Go to be
 * built, uc-server Rust and twelve minutes.
 */
export async function optionalProgram(name: 'toxiproxy' | 'uc-server'): Promise<string | undefined> {
  try {
    const program = await serverProgram(name, ...(name === 'uc-server' ? ['--no-build'] : []));
    if (program !== '') return program;
    console.warn(`Tests with ${name} do NOT run: it is not built (bash scripts/servers.sh ${name})`);
  } catch (error) {
    console.warn(`Tests with ${name} do NOT run: ${(error as { stderr?: string }).stderr ?? error}`);
  }
  return undefined;
}

/** Where the program is. With `--no-build` '' when it isn't there. */
export async function serverProgram(
  name: 'azurite' | 'toxiproxy' | 'uc-server',
  ...options: string[]
): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['scripts/servers.sh', name, ...options]);
  return stdout.trim().split('\n').at(-1) ?? '';
}
