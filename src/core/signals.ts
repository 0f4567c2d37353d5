/** Abort signals that are made of others. */

/** What a signal is made of, for as long as somebody listens to it. */
const sources = new WeakMap<AbortSignal, readonly AbortSignal[]>();

/**
 * A signal that is aborted when one of these is, as `AbortSignal.any` says. That one keeps no hold of what it is made of, in
 * Node 20: a time limit that nobody else has goes with the garbage, and its end never comes.
 */
export function anySignal(signals: readonly AbortSignal[]): AbortSignal {
  const signal = AbortSignal.any([...signals]);
  sources.set(signal, signals);
  return signal;
}
