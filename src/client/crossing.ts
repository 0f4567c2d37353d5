/** Comlink's wire, with our errors on it. Page and worker both call `prepareCrossing` before anything is exposed. */
import { type TransferHandler, transferHandlers } from 'comlink';
import { type PackedError, packError, unpackError } from './errors.ts';

interface Thrown {
  readonly value: unknown;
}

let prepared = false;

/**
 * Comlink passes errors as message, name and stack. Its own handler finds what was thrown (by a mark that it keeps
 * to itself); ours packs it.
 */
export function prepareCrossing(): void {
  if (prepared) return;
  prepared = true;
  const inner = transferHandlers.get('throw') as TransferHandler<Thrown, unknown> | undefined;
  if (!inner) throw new Error('this version of Comlink has no handler for what is thrown');
  const handler: TransferHandler<Thrown, PackedError> = {
    canHandle: (value): value is Thrown => inner.canHandle(value),
    serialize: ({ value }) => [packError(value), []],
    deserialize(packed) {
      throw unpackError(packed);
    },
  };
  transferHandlers.set('throw', handler);
}
