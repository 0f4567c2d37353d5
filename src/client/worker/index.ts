/** The worker's half: `workers/training.worker.ts` calls it and does nothing else. */
import { expose } from 'comlink';
import { prepareCrossing } from '../crossing.ts';
import { removeUnfinished } from './import/unfinished.ts';
import { TrainingWorker } from './service.ts';

export function serveRuns(): void {
  prepareCrossing();
  expose(new TrainingWorker());
  // What a closed tab left takes room. Where it can't be removed now, the next import tries again.
  void removeUnfinished().catch(() => undefined);
}
