/**
 * Optional, for hosts that can't send headers: `<script src="ocelli-isolation.js"></script>` isolates the page from other
 * origins, which lets WebAssembly use several threads. A service worker beside this file adds the two headers
 * (workers/isolation.worker.ts); the first visit loads the page a second time. Both files lie in the page's folder or
 * above it: a service worker serves only what is below it.
 */
const tried = 'ocelli-isolation';

function isolate(script: HTMLScriptElement): void {
  if (crossOriginIsolated) {
    sessionStorage.removeItem(tried);
    return;
  }
  // Once: a browser that does not isolate all the same must not load the page for ever.
  if (!isSecureContext || sessionStorage.getItem(tried)) return;
  const { serviceWorker } = navigator;
  serviceWorker
    .register(new URL('ocelli-isolation-worker.js', script.src))
    .then(() => serviceWorker.ready)
    .then(() => {
      sessionStorage.setItem(tried, 'once');
      location.reload();
    })
    .catch((error: unknown) => console.warn('The page stays with one thread:', error));
}

isolate(document.currentScript as HTMLScriptElement);

export {};
