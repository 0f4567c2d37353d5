/** What a page needs of its browser to train, asked once and told in words instead of failing somewhere inside. */

/** What is missing here; empty: nothing. WebGPU is no need: WebAssembly takes its place. */
export function missingCapabilities(): string[] {
  // On a page that is not secure a browser hides half of the others: one reason is enough.
  if (!isSecureContext) return ['a secure page (https, or localhost)'];
  const needs: Readonly<Record<string, boolean>> = {
    'a private file system (navigator.storage.getDirectory)': 'getDirectory' in (navigator.storage ?? {}),
    'Web Locks': 'locks' in navigator,
    IndexedDB: typeof indexedDB !== 'undefined',
    OffscreenCanvas: typeof OffscreenCanvas !== 'undefined',
    WebAssembly: typeof WebAssembly !== 'undefined',
  };
  return Object.keys(needs).filter((need) => !needs[need]);
}

/**
 * How many threads WebAssembly may use: those need shared memory, which a browser gives to isolated pages alone
 * (docs/widget.md), and more than half of the cores would take turns.
 */
export function sharedThreads(): number {
  return crossOriginIsolated ? Math.max(2, Math.min(4, navigator.hardwareConcurrency >> 1)) : 1;
}
