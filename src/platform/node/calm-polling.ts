/**
 * A native module that polls with `setImmediate` keeps a core busy. Here its turns are spaced: when many followed
 * one another with nothing else to do between them, the thread sleeps a fifth of a millisecond before the next. A
 * loop that has other work never sleeps. Only native functions are spaced; everybody else's `setImmediate` is as
 * it was.
 */

/** Turns without other work before the thread sleeps: about as long as a sleep. */
const patience = 20;
/** Milliseconds between two turns from which on something else has run. */
const otherWork = 0.05;
const sleep = 0.2;

type Callback = (...args: unknown[]) => void;
type SetImmediate = (callback: Callback, ...args: unknown[]) => NodeJS.Immediate;

let users = 0;
let restore: () => void = () => {};

/** From now on; returns the function that ends it. */
export function pollCalmly(): () => void {
  if (users++ === 0) restore = install();
  let open = true;
  return () => {
    if (!open) return;
    open = false;
    if (--users === 0) restore();
  };
}

function install(): () => void {
  const original = globalThis.setImmediate as unknown as SetImmediate;
  const cell = new Int32Array(new SharedArrayBuffer(4));
  let turns = 0;
  let lastEnd = 0;
  const calm: SetImmediate = (callback, ...args) => {
    if (!isNative(callback)) return original(callback, ...args);
    return original(() => {
      turns = performance.now() - lastEnd < otherWork ? turns + 1 : 0;
      // Nobody wakes it: this is the sleep that JavaScript lacks.
      if (turns > patience) Atomics.wait(cell, 0, 0, sleep);
      try {
        callback(...args);
      } finally {
        lastEnd = performance.now();
      }
    });
  };
  // With what `util.promisify` looks for.
  Object.defineProperties(calm, Object.getOwnPropertyDescriptors(original));
  const replaced = calm as unknown as typeof globalThis.setImmediate;
  globalThis.setImmediate = replaced;
  return () => {
    // Whoever put another one in its place since keeps that.
    if (globalThis.setImmediate === replaced)
      globalThis.setImmediate = original as unknown as typeof globalThis.setImmediate;
  };
}

const isNative = (callback: Callback): boolean =>
  Function.prototype.toString.call(callback).endsWith('{ [native code] }');
