/** A service worker that adds the headers of an isolated page to what a static host sends (docs/widget.md). */

interface FetchEvent extends Event {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface ServiceWorker {
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
  addEventListener(
    type: 'install' | 'activate',
    listener: (event: { waitUntil(done: Promise<void>): void }) => void,
  ): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
}

const worker = self as unknown as ServiceWorker;
worker.addEventListener('install', (event) => event.waitUntil(worker.skipWaiting()));
worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener('fetch', (event) => {
  const { request } = event;
  // Only documents and workers are asked for these headers; everything else goes its way.
  if (request.mode !== 'navigate' && !['worker', 'sharedworker', 'script'].includes(request.destination))
    return;
  if (new URL(request.url).origin !== location.origin) return;
  event.respondWith(fetch(request).then(isolated));
});

function isolated(response: Response): Response {
  if (response.status === 0 || response.type === 'opaqueredirect') return response;
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  // Pictures of other origins still come, without cookies.
  headers.set('Cross-Origin-Embedder-Policy', 'credentialless');
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}

export {};
