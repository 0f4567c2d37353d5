/**
 * The training loop, from the first step or from a checkpoint to the last step. It reads from top to bottom:
 * batches make steps, steps make epochs, evaluations follow the plan, checkpoints follow evaluations. Whatever
 * watches a run reads the events that come out; nothing else has a way in.
 *
 * A checkpoint lies between two optimiser steps, never inside one, so accumulated gradients are not part of it:
 * a run that was stopped while accumulating repeats the batches of that step. Resumed on the same device, a run
 * gives the same losses to the last bit.
 */
import { InterruptedError, RunError, type RunEvent, type RunEventBody } from '../core/index.ts';
import type { Batch } from '../data/index.ts';
import { advance, enterNextEpoch, expectEvaluation, isDone, recordEvaluation } from './progress.ts';
import type { TrainingServices } from './services.ts';
import { TrainingSession } from './session.ts';
import type { TrainingSettings } from './settings.ts';

/** Results are looked at this many steps after their step was submitted. */
const lateSteps = 3;

/** Trains until the plan is done, an early stop, an error or `signal`. Returns the run's last progress. */
export async function* train<Prediction>(
  settings: TrainingSettings,
  services: TrainingServices<Prediction>,
  signal?: AbortSignal,
): AsyncGenerator<RunEvent, void> {
  const session = new TrainingSession(settings, services);
  const { progress, plan, step } = session;
  try {
    if (services.resume) yield* stamped(session.resume(services.resume));
    if (progress.pendingEvaluation) yield* evaluation();
    while (!isDone(progress, plan)) {
      const cursor = progress.cursor;
      let parts = 0;
      let started = performance.now();
      const epochStarted = started;
      for await (const batch of services.batches.epoch(progress.epoch, progress.cursor)) {
        await add(batch, parts++);
        const epochEnds = batch.position + 1 === plan.batchesPerEpoch;
        if (parts < plan.accumulate && !epochEnds) continue;

        await finish();
        advance(progress, batch.position + 1);
        session.timeStep(performance.now() - started);
        parts = 0;
        started = performance.now();
        yield* stamped(session.compilationEvents());
        yield* stamped(session.warningEvents(step.takeWarnings()));
        yield* stamped(session.stepEvents(await step.results(lateSteps)));

        const evaluates = plan.evaluatesAfter(progress.step, progress.cursor);
        if (epochEnds || evaluates) yield* flush();
        if (evaluates) expectEvaluation(progress);
        if (epochEnds) {
          yield* stamped([session.epochEvent(performance.now() - epochStarted)]);
          enterNextEpoch(progress);
        }
        if (evaluates) yield* evaluation();
        else if (plan.checkpointsAfter(progress.step) || session.wantsCheckpoint(epochEnds)) {
          yield* save('last');
        } else if (session.wantsHeld()) {
          // Its losses are known to be finite, as those of one on disk.
          yield* flush();
          await session.hold();
        }
        if (signal?.aborted) yield* interrupt();
        if (isDone(progress, plan)) break;
        started = performance.now();
      }
      session.checkEpochCameToItsEnd(parts, cursor);
    }
    if (progress.stopped) yield* stamped([session.stoppedEvent('early_stopping')]);
  } finally {
    session.dispose();
  }

  function add(batch: Batch, part: number): Promise<void> {
    return matching(() => step.add(batch, progress.step + 1, part));
  }

  function finish(): Promise<void> {
    return matching(() => step.finish(session.learningRates(), progress.step + 1));
  }

  /** A step that diverged may be met in the matching, before its loss is known. */
  async function matching(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!hasDiverged(error)) throw error;
      session.stepEvents(await step.results(0));
      throw session.diverged(progress.step + 1, error);
    }
  }

  async function* flush(): AsyncGenerator<RunEvent> {
    yield* stamped(session.stepEvents(await step.results(0)));
  }

  async function* evaluation(): AsyncGenerator<RunEvent> {
    const { step: at, epoch, trainLoss } = progress.pendingEvaluation!;
    if (services.evaluate) {
      if (session.wantsHeldBeforeEvaluation()) await session.hold();
      try {
        const { metrics, ms, warnings } = await session.evaluate(signal);
        progress.metrics = metrics;
        yield* stamped(session.warningEvents(warnings));
        yield* stamped([{ type: 'evaluation', split: 'val', metrics, ms, step: at, epoch }]);
      } catch (error) {
        if (signal?.aborted) yield* interrupt();
        throw hasDiverged(error) ? session.diverged(at + 1, error) : error;
      }
    }
    progress.pendingEvaluation = null;
    const outcome = recordEvaluation(progress, settings, at, trainLoss);
    session.observe(outcome.value);
    yield* save(...outcome.checkpoints, 'last');
  }

  async function* save(...kinds: readonly ('last' | 'best' | 'step')[]): AsyncGenerator<RunEvent> {
    yield* flush();
    yield* stamped(await session.save(kinds));
  }

  async function* interrupt(): AsyncGenerator<RunEvent> {
    if (!session.isSaved()) yield* save('last');
    const stopped = session.stoppedEvent('interrupted');
    yield* stamped([stopped]);
    throw new InterruptedError({
      code: 'interrupted',
      expected: 'to train to the end',
      received: `an interrupt after step ${progress.step}`,
      fix: `go on with --resume; the checkpoint is ${stopped.checkpoint}`,
    });
  }
}

/** What a model that no longer gives finite numbers is met by, before a loss says so. */
function hasDiverged(error: unknown): error is RunError {
  return (
    error instanceof RunError &&
    (error.code === 'matching_cost_not_finite' || error.code === 'outputs_not_finite')
  );
}

function* stamped(events: Iterable<RunEventBody>): Generator<RunEvent> {
  for (const event of events) yield { ...event, time: new Date().toISOString() };
}
