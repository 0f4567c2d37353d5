/** One import at a time, which can be cancelled. It needs no device: a run may train meanwhile. */
import { ConfigError } from '../../../core/index.ts';
import type { ImportedRun, ImportRequest } from '../../protocol.ts';
import { type ImportListener, importRun } from './import-run.ts';

const msBetweenNotes = 100;

export class Importing {
  private cancelling: AbortController | undefined;

  /** @returns undefined when it was cancelled */
  async run(request: ImportRequest, listener: ImportListener): Promise<ImportedRun | undefined> {
    if (this.cancelling) throw another();
    const cancelling = new AbortController();
    this.cancelling = cancelling;
    let told = Number.NEGATIVE_INFINITY;
    try {
      return await importRun(
        request,
        (progress) => {
          if (performance.now() - told < msBetweenNotes) return;
          told = performance.now();
          // A page that is gone hears nothing.
          Promise.resolve(listener(progress) as unknown).catch(() => undefined);
        },
        cancelling.signal,
      );
    } catch (error) {
      if (cancelling.signal.aborted) return undefined;
      throw error;
    } finally {
      this.cancelling = undefined;
    }
  }

  cancel(): void {
    this.cancelling?.abort();
  }
}

function another(): ConfigError {
  return new ConfigError({
    code: 'import_under_way',
    expected: 'one run at a time',
    received: 'another that is being copied',
    fix: 'wait for it, or cancel it',
  });
}
