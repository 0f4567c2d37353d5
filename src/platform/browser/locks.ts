/**
 * Web Locks: one holder of a name in all tabs and workers of this origin. The browser lets go of a lock when its
 * holder dies, so a lock that is held says that somebody is alive; and a tab that holds one is not frozen in the
 * background.
 */

/** Runs `work` while nobody else holds `name`; waits for it. */
export function withLock<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  return navigator.locks.request(name, work) as Promise<Result>;
}

/**
 * Takes a lock until the returned function is called, or undefined when somebody has it.
 * @param milliseconds how long to wait for it: a worker that crashed, or whose page was closed, lets go a moment later
 */
export async function tryLock(name: string, milliseconds = 0): Promise<(() => void) | undefined> {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const patience = milliseconds > 0 ? { signal: AbortSignal.timeout(milliseconds) } : { ifAvailable: true };
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(name, patience, async (lock) => {
        resolve(lock ? release : undefined);
        if (lock) await held;
      })
      .catch((error: unknown) => {
        if (error instanceof DOMException && error.name === 'TimeoutError') resolve(undefined);
        else reject(error);
      });
  });
}

/** The names that are held now, by whatever tab or worker of this origin. */
export async function heldLocks(): Promise<ReadonlySet<string>> {
  const { held = [] } = await navigator.locks.query();
  return new Set(held.flatMap(({ name }) => (name === undefined ? [] : [name])));
}
