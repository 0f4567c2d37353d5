/**
 * Tells pictures that can't be had from a place that can't. A server refuses one object with the very words (`403
 * AccessDenied`) that it has for all of them when a right is lost, so nobody can tell by the answer: after eight failures
 * in a row pictures are asked for that should come, first the one that came last. If one comes, it was the objects, however
 * many of them lie together. A server that answers nobody is not asked more: the tries before had their patience.
 */
import type { RemoteError } from '../../core/index.ts';
import type { Dataset } from '../types.ts';

/** So many far pictures may fail one after the other before the place is doubted. */
const failuresInARow = 8;
/** Pictures from all over the data set that are asked for beside the one that came last. */
const witnesses = 8;
/** Not answers about an object: the server is away, or in trouble. */
const silent = new Set(['remote_unreachable', 'remote_unavailable']);

export class Reach {
  /** The last failure that was no answer about a file itself. */
  failure: RemoteError | undefined;
  private failed = 0;
  private cameLast: number | undefined;
  private asking: Promise<boolean> | undefined;

  constructor(private readonly dataset: Pick<Dataset, 'records' | 'open'>) {}

  /** That picture came. */
  came(index: number): void {
    this.failed = 0;
    this.cameLast = index;
  }

  /**
   * A picture did not come.
   *
   * @throws the failure, when no picture will come: the server refuses who asks, or the place is out of reach
   */
  async missed(failure: RemoteError, signal: AbortSignal): Promise<void> {
    this.failure = failure;
    if (failure.signInRefused) throw failure;
    if (++this.failed < failuresInARow) return;
    if (silent.has(failure.code)) throw failure;
    // Many reads fail together: one question answers for all of them.
    this.asking ??= this.ask(signal).finally(() => {
      this.asking = undefined;
    });
    if (!(await this.asking)) throw failure;
    this.failed = 0;
  }

  /** Whether any picture that should come does. */
  private async ask(signal: AbortSignal): Promise<boolean> {
    const { records, open } = this.dataset;
    const spread = Array.from({ length: witnesses }, (_, i) => Math.floor((i * records.length) / witnesses));
    const asked = new Set(this.cameLast === undefined ? spread : [this.cameLast, ...spread]);
    for (const index of asked) {
      const source = open(records[index]!);
      try {
        // What is kept of it would come without any right.
        await (source.fresh ?? source).read({ start: 0, end: 1 }, signal);
        return true;
      } catch (error) {
        signal.throwIfAborted();
        if (silent.has((error as { readonly code?: string }).code ?? '')) return false;
      }
    }
    return false;
  }
}
