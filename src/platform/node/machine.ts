/**
 * What this machine is, and small notes that are kept for it: results of measurements that cost a second and
 * change only with the hardware or the versions. They live under `$XDG_CACHE_HOME/ocelli` (`~/.cache/ocelli`);
 * a folder that cannot be written costs the second again and nothing else.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus, homedir, release, type as systemType } from 'node:os';
import { join } from 'node:path';
import type { Machine, MachineNotes } from '../types.ts';
import { makeFolder } from './make-folder.ts';

const require = createRequire(import.meta.url);

/** The folder of an installed npm package's file, with a slash at the end; undefined when it is not there. */
export function packageFolder(file: string): string | undefined {
  try {
    return require.resolve(file).replace(/[^/\\]*$/, '');
  } catch {
    return undefined;
  }
}

export async function readMachine(): Promise<Machine> {
  const processors = cpus();
  return {
    system: `${systemType()} ${release()} ${process.arch}`,
    processor: processors[0]?.model.trim() || 'an unknown processor',
    cores: processors.length,
    versions: `node ${process.versions.node}, v8 ${process.versions.v8}`,
    gpuAdvice: await gpuAdvice(),
  };
}

async function gpuAdvice(): Promise<string> {
  if (process.platform === 'darwin' || process.platform === 'win32')
    return 'update the graphics driver of this system; Dawn uses Metal on macOS and Direct3D 12 on Windows';
  const osRelease = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const real = "install your GPU's Vulkan driver and the package libvulkan1";
  if (/^VERSION_CODENAME=bookworm$/m.test(osRelease))
    return `${real}; without a GPU, a software adapter is mesa-vulkan-drivers from bookworm-backports (apt-get install -t bookworm-backports mesa-vulkan-drivers; the one in bookworm itself is too old), which scripts/setup-system.sh installs`;
  return `${real} (vulkan-loader on Fedora, vulkan-icd-loader on Arch); without a GPU, a software adapter is Mesa's lavapipe, version 25 or later (mesa-vulkan-drivers, vulkan-swrast)`;
}

const folder = (): string => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ocelli');

export const machineNotes: MachineNotes = {
  async read(name) {
    try {
      return JSON.parse(await readFile(join(folder(), `${name}.json`), 'utf8')) as unknown;
    } catch {
      return undefined;
    }
  },
  async write(name, value) {
    try {
      await makeFolder(folder());
      const path = join(folder(), `${name}.json`);
      await writeFile(`${path}.${process.pid}`, JSON.stringify(value, null, 1));
      await rename(`${path}.${process.pid}`, path);
    } catch {
      // A cache only: what is not kept is measured again.
    }
  },
};
