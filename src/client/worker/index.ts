/** The worker's half: `workers/training.worker.ts` calls it and does nothing else. */
import { expose } from 'comlink';
import { prepareCrossing } from '../crossing.ts';
import { TrainingWorker } from './service.ts';

export function serveRuns(): void {
  prepareCrossing();
  expose(new TrainingWorker());
}
