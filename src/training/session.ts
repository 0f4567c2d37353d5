/**
 * The things that one run of the loop holds: optimiser, learning rates, step, averages, progress. It turns
 * results into events and writes checkpoints; the loop decides when.
 */
import { RunError, type RunEventBody } from '../core/index.ts';
import { type Checkpoint, differences } from './checkpoint.ts';
import { WeightAverage } from './ema.ts';
import { freeze, parameterGroups } from './groups.ts';
import { mostHeldBytes } from './held.ts';
import { createAlgorithm, Optimizer } from './optimizers/index.ts';
import { type Plan, planRun } from './plan.ts';
import { type Progress, positionOf, startOfRun, trainLossOf } from './progress.ts';
import { type LearningRates, recipeLearningRates } from './schedules/index.ts';
import type { TrainingServices } from './services.ts';
import type { TrainingSettings } from './settings.ts';
import { hostValues, readModel, readVariables, restoreModel } from './snapshot.ts';
import { type StepResult, type StepWarning, TrainingStep } from './step.ts';
import type { EvaluationResult } from './types.ts';

type StoppedEvent = Extract<RunEventBody, { type: 'stopped' }>;

const msBetweenEpochCheckpoints = 10_000;

/** What is known of a step when it is submitted, for the event that follows when its loss arrives. */
interface SubmittedStep {
  readonly epoch: number;
  readonly learningRate: number;
  ms: number;
}

export class TrainingSession<Prediction> {
  readonly plan: Plan;
  readonly step: TrainingStep<Prediction>;
  readonly average: WeightAverage | undefined;
  readonly progress: Progress;
  private readonly optimizer: Optimizer;
  private readonly rates: LearningRates;
  private readonly submitted = new Map<number, SubmittedStep>();
  private savedAt = performance.now();
  private saved: { path: string; step: number; pending: boolean } | undefined;

  constructor(
    private readonly settings: TrainingSettings,
    private readonly services: TrainingServices<Prediction>,
  ) {
    const { model, task, device, batches, resume } = services;
    this.plan = planRun(settings.plan, batches.batchesPerEpoch);
    this.rates = recipeLearningRates(settings.schedule, this.plan);
    this.progress = resume ? structuredClone(resume.state.progress) : startOfRun();
    const algorithm = createAlgorithm(settings.optimizer.name, settings.optimizer.options);
    freeze(model, settings.freeze);
    const groups = parameterGroups(model, settings.groups);
    this.optimizer = new Optimizer(algorithm, groups);
    this.average = settings.average
      ? new WeightAverage(
          groups.flatMap(({ parameters }) => parameters),
          settings.average.decay,
          settings.average.startStep,
        )
      : undefined;
    const splits = Math.max(settings.splits ?? 1, this.splitsOf(resume));
    this.step = new TrainingStep(model, task, device, this.optimizer, { ...settings, splits }, this.average);
  }

  /** In how many parts a checkpoint's run computed its batches; of other batches it says nothing. */
  private splitsOf(checkpoint: Checkpoint | undefined): number {
    const same = checkpoint?.state.identity.batch === this.services.identity.batch;
    return (same && checkpoint?.state.splits) || 1;
  }

  /** Takes everything out of a checkpoint, and says whether the run will repeat its numbers. */
  resume(checkpoint: Checkpoint): RunEventBody[] {
    const { state } = checkpoint;
    restoreModel(this.services.model, checkpoint.model);
    this.optimizer.restore(state.optimizer, hostValues(checkpoint.optimizer));
    this.rates.restore(state.schedule);
    if (state.lossScale) this.step.lossScale?.restore(state.lossScale);
    const { identity, device } = this.services;
    const why = differences(state.identity, identity);
    // Measured on another adapter they would say nothing about this one.
    if (state.tuning && state.identity.device === identity.device) device.tuning?.adopt(state.tuning);
    if (this.average && checkpoint.average) this.average.restore(hostValues(checkpoint.average));
    else if (this.average) why.push('the checkpoint has no averaged weights');
    const [parts, before] = [this.step.batchParts, this.splitsOf(checkpoint)];
    if (parts !== before) why.push(`parts of a batch were ${before} and are ${parts}`);
    const { step, epoch } = positionOf(this.progress);
    const from = this.services.resumedFrom ?? 'a checkpoint';
    const event = { type: 'resumed', from, exact: why.length === 0, step, epoch } as const;
    return [why.length > 0 ? { ...event, why: why.join('; ') } : event];
  }

  /** Of the step that comes next, one per parameter group. */
  learningRates(): number[] {
    const rate = this.rates.at(this.progress.step);
    this.submitted.set(this.progress.step + 1, { epoch: this.progress.epoch, learningRate: rate, ms: 0 });
    return this.optimizer.groups.map((group) => rate * group.learningRateFactor);
  }

  /** Wall time of the step that was submitted last: data, forward, backward, update. */
  timeStep(ms: number): void {
    this.submitted.get(this.progress.step)!.ms = ms;
  }

  /** Counts the losses that arrived and tells those that the recipe wants to be logged. Not finite: the run ends. */
  stepEvents(results: readonly StepResult[]): RunEventBody[] {
    const events: RunEventBody[] = [];
    for (const result of results) {
      const { step, loss, parts, gradientNorm, images, skipped } = result;
      if (skipped) {
        events.push(...this.skipEvents(step));
        continue;
      }
      if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) throw this.notFinite(result);
      this.progress.epochLoss.sum += loss * images;
      this.progress.epochLoss.images += images;
      const { epoch, learningRate, ms } = this.submitted.get(step)!;
      this.submitted.delete(step);
      const every = this.settings.logEverySteps;
      if (step !== 1 && step % every !== 0 && step !== this.plan.totalSteps) continue;
      events.push({
        type: 'step',
        step,
        epoch,
        loss,
        parts,
        learning_rate: learningRate,
        grad_norm: gradientNorm,
        ms,
        images_per_second: (1000 * images) / ms,
        gpu_bytes: this.services.device.memory().bytes,
        ...this.scaling(),
        total_steps: this.plan.totalSteps,
      });
    }
    return events;
  }

  private scaling(): { readonly loss_scale: number; readonly skipped_steps: number } | undefined {
    const scale = this.step.lossScale?.state();
    return scale && { loss_scale: scale.value, skipped_steps: scale.skipped };
  }

  /** A step that overflowed in half precision has moved nothing; a few in a row are how a scale is found. */
  private skipEvents(step: number): RunEventBody[] {
    const { epoch } = this.submitted.get(step)!;
    this.submitted.delete(step);
    const scale = this.step.lossScale?.value;
    const message = `step ${step} overflowed in half precision and was skipped; the loss is scaled by ${scale} now`;
    return [{ type: 'warning', code: 'step_skipped', message, step, epoch }];
  }

  /** Programs that were made ready for the step of just now. */
  compilationEvents(): RunEventBody[] {
    const { step, epoch } = this.progress;
    return this.step
      .takeCompilations()
      .map((compilation) => ({ type: 'step_compiled', ...compilation, step, epoch }));
  }

  warningEvents(warnings: readonly StepWarning[]): RunEventBody[] {
    const { step, epoch } = this.progress;
    return warnings.map((warning) => ({ type: 'warning', ...warning, step, epoch }));
  }

  /** The epoch that is about to end. */
  epochEvent(ms: number): RunEventBody {
    const { step, epoch } = this.progress;
    return { type: 'epoch', step, epoch, train_loss: trainLossOf(this.progress), ms };
  }

  evaluate(signal?: AbortSignal): Promise<EvaluationResult> {
    const evaluate = () => this.services.evaluate!(signal);
    return this.average ? this.average.during(evaluate) : evaluate();
  }

  /** Tells the plateau schedule what an evaluation gave. */
  observe(value: number | undefined): void {
    if (value !== undefined) this.rates.observe(value);
  }

  /** Writes a checkpoint under each kind's name and forgets those that are no longer among the best. */
  async save(kinds: readonly ('last' | 'best' | 'step')[]): Promise<RunEventBody[]> {
    const { checkpoints } = this.services;
    const { metrics } = this.progress;
    const { step, epoch } = positionOf(this.progress);
    const names = kinds.map((kind) => (kind === 'step' ? `step-${step}` : kind));
    const checkpoint = await this.checkpoint();
    const files = await checkpoints.save(names, checkpoint);
    if (kinds.includes('step')) await checkpoints.keepSteps(this.progress.kept.map((kept) => kept.step));
    const path = checkpoints.path('last');
    this.saved = { path, step, pending: this.progress.pendingEvaluation !== null };
    this.savedAt = performance.now();
    this.services.held?.release();
    const events: RunEventBody[] = names.map((name, i) => ({
      type: 'checkpoint',
      kind: kinds[i]!,
      path: checkpoints.path(name),
      metrics,
      step,
      epoch,
    }));
    for (const message of (await this.services.copyCheckpoint?.(names, files)) ?? []) {
      events.push({ type: 'warning', code: 'checkpoint_copy_failed', message, step, epoch });
    }
    return events;
  }

  /** Everything that the run needs to go on from here. */
  private async checkpoint(): Promise<Checkpoint> {
    const { model, device, identity } = this.services;
    return {
      state: {
        seed: this.settings.seed,
        progress: structuredClone(this.progress),
        optimizer: this.optimizer.counters(),
        schedule: this.rates.state(),
        identity,
        lossScale: this.step.lossScale?.state(),
        tuning: device.tuning?.choices(),
        splits: this.step.batchParts,
        events: this.services.eventCount?.() ?? 0,
      },
      model: await readModel(model, device),
      optimizer: await readVariables(this.optimizer.tensors(), device),
      average: this.average ? await readVariables(this.average.tensors(), device) : undefined,
    };
  }

  /** Whether a checkpoint is to be held in memory now. */
  wantsHeld(): boolean {
    return this.services.held?.isDue(() => this.checkpointBytes()) ?? false;
  }

  /** The first evaluation may be what memory does not suffice for: it must not take the steps before it along. */
  wantsHeldBeforeEvaluation(): boolean {
    const known = this.services.held?.checkpoint !== undefined || this.saved !== undefined;
    return !known && this.services.resume === undefined && this.checkpointBytes() <= mostHeldBytes;
  }

  async hold(): Promise<void> {
    await this.services.held?.take(() => this.checkpoint());
  }

  private checkpointBytes(): number {
    const { model } = this.services;
    const variables = [...this.optimizer.tensors(), ...(this.average?.tensors() ?? [])];
    const elements =
      [...model.tensors()].reduce((sum, [, { size }]) => sum + size, 0) +
      variables.reduce((sum, [, { size }]) => sum + size, 0);
    return 4 * elements;
  }

  /** Somebody asks for one now, or an epoch ends and the last one is old: short epochs don't write one each. */
  wantsCheckpoint(epochEnds: boolean): boolean {
    const wanted = this.services.checkpointWanted?.() ?? false;
    return wanted || (epochEnds && performance.now() - this.savedAt > msBetweenEpochCheckpoints);
  }

  /** Whether the last checkpoint is of just now. */
  isSaved(): boolean {
    const pending = this.progress.pendingEvaluation !== null;
    return this.saved?.step === this.progress.step && this.saved.pending === pending;
  }

  stoppedEvent(reason: 'interrupted' | 'early_stopping'): StoppedEvent {
    const { step, epoch } = positionOf(this.progress);
    return { type: 'stopped', reason, checkpoint: this.services.checkpoints.path('last'), step, epoch };
  }

  /** A source that gives fewer batches than it promised would make the loop run forever. */
  checkEpochCameToItsEnd(parts: number, cursorBefore: number): void {
    if (parts === 0 && (this.progress.cursor === 0 || this.progress.cursor > cursorBefore)) return;
    throw new Error(
      `epoch ${this.progress.epoch} gave fewer than ${this.plan.batchesPerEpoch} batches (cursor ${this.progress.cursor}, ${parts} unfinished)`,
    );
  }

  dispose(): void {
    this.step.dispose();
    this.optimizer.dispose();
    this.average?.dispose();
  }

  /** Not finite, met before the loss was computed. */
  diverged(step: number, cause: RunError): RunError {
    return this.stopsAt(step, `${cause.received}; it began in step ${step}`, cause);
  }

  private notFinite({ step, loss, gradientNorm }: StepResult): RunError {
    return this.stopsAt(step, `loss ${loss}, gradient norm ${gradientNorm}; it began in step ${step}`);
  }

  private stopsAt(step: number, received: string, cause?: unknown): RunError {
    const good = this.saved
      ? `the last good checkpoint is ${this.saved.path} (step ${this.saved.step})`
      : `it began before the first checkpoint, in step ${step}`;
    return new RunError({
      code: 'loss_not_finite',
      expected: 'a finite loss and gradient',
      received,
      fix: `lower training.learning_rate, warm up, or clip with training.gradient_clip_val; ${good}`,
      cause,
    });
  }
}
