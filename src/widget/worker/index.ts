/** The widget's worker: models, runs, files. `workers/widget.worker.ts` starts it. */
export { serveWidget } from './service.ts';
