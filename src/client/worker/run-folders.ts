/** Names of run folders in the browser, and who may write to one. */
import type { Recipe } from '../../config/index.ts';
import { ConfigError } from '../../core/index.ts';
import { tryLock } from '../../platform/browser/index.ts';
import { runLock } from '../run-index.ts';

export const runsFolder = '/runs';

/** `<run name>-<time>` below the folder of all runs. */
export function newRunFolder({ mlflow }: Recipe): string {
  const time = new Date()
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replaceAll(/[-:]/g, '')
    .replace('T', '-');
  return `${runsFolder}/${folderName(mlflow.run_name)}-${time}`;
}

const longestName = 100;

/** Any text as the name of a folder. */
export function folderName(text: string): string {
  const plain = text.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, longestName);
  return plain.replaceAll(/^[-.]+|[-.]+$/g, '') || 'run';
}

/** For who had a run to be gone. */
const msForLock = 3000;

/** One tab at a time works on a run. */
export async function holdRun(run: string): Promise<() => void> {
  const release = await tryLock(runLock(run), msForLock);
  if (release) return release;
  throw new ConfigError({
    code: 'run_in_other_tab',
    expected: `a run that nobody works on: ${run}`,
    received: 'one that another tab has open',
    fix: 'stop it there, or close that tab',
  });
}
