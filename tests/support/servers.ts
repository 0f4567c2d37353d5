/** Programs of servers that tests start; scripts/servers.sh installs them when they are missing. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Where the program is. With `--no-build` '' when it isn't there. */
export async function serverProgram(
  name: 'azurite' | 'toxiproxy' | 'uc-server',
  ...options: string[]
): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['scripts/servers.sh', name, ...options]);
  return stdout.trim().split('\n').at(-1) ?? '';
}
