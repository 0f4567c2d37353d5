/** The worker that holds the GPU, the data, the loop and the checkpoints of a page. */
import { serveRuns } from '../src/client/worker/index.ts';
import { provideThread } from '../src/platform/browser/index.ts';

provideThread(
  'samples',
  () => new Worker(new URL('./samples.worker.ts', import.meta.url), { type: 'module', name: 'samples' }),
);
provideThread(
  'annotations',
  () =>
    new Worker(new URL('./annotations.worker.ts', import.meta.url), { type: 'module', name: 'annotations' }),
);
serveRuns();
