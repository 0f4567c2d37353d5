/** Starts the worker that runs the cases, and hands its results to the runner (`parityCheck`, from outside). */
import type { CheckResult } from '../case.ts';
import type { CasesRequest } from './cases.worker.ts';

declare global {
  interface Window {
    parityCheck(result: CheckResult): void;
    runParity(request: CasesRequest): Promise<void>;
  }
}

window.runParity = (request) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./cases.worker.ts', import.meta.url), { type: 'module' });
    worker.addEventListener('message', ({ data }: MessageEvent<CheckResult | 'done'>) => {
      if (data === 'done') resolve();
      else window.parityCheck(data);
    });
    worker.addEventListener('error', (event) => reject(new Error(`the worker failed: ${event.message}`)));
    worker.postMessage(request);
  });
