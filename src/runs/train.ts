/**
 * A whole run: device, data, model, training, the best weights, a last evaluation, the model folder, the
 * report, MLflow. Everything that happens comes out as events and lies in the run folder.
 *
 * A failure becomes a `failed` event and is then thrown; an interrupt a `stopped` event and an
 * `InterruptedError`. Whatever was opened is closed either way.
 */
import { environmentVariable, files } from '#platform';
import { type Recipe, resolvedYaml } from '../config/index.ts';
import { InterruptedError, type Metrics, type RunEvent } from '../core/index.ts';
import type { Loader } from '../data/index.ts';
import { asDeviceError, type Device, type DeviceChoice, openDevice, withOptions } from '../engine/index.ts';
import type { DownloadListener, LoadedModel } from '../models/index.ts';
import { requireTask, type Task } from '../tasks/index.ts';
import { readEvents, SystemLog, Tracker } from '../tracking/index.ts';
import {
  CheckpointStore,
  EvaluationStep,
  evaluate,
  positionOf,
  settingsOf,
  type TrainingServices,
  train as trainLoop,
} from '../training/index.ts';
import { gated, type LiveRun, type RunControl } from './control.ts';
import { checkpointCopier } from './copy.ts';
import { evaluateSplit, type SplitEvaluation } from './evaluate-split.ts';
import { identityOf } from './identity.ts';
import { evaluationLoader, type LoaderSetup, loaderThreads, trainingLoader } from './loaders.ts';
import { prepareFittingModel } from './memory.ts';
import { writeModelFolder } from './model-folder.ts';
import { type OpenRun, openRun } from './open-run.ts';
import {
  evaluationEvents,
  failedEvent,
  goesOnEagerly,
  optional,
  partingWarnings,
  pushNeeded,
  runStarted,
  type Told,
  warning,
  warningsOf,
} from './own-events.ts';
import { requirePrecision } from './precision.ts';
import {
  checkMonitor,
  dataReady,
  modelCompanions,
  modelReady,
  type PreparedData,
  prepareData,
  prepareTask,
} from './prepare.ts';
import { type Attempt, Recovery } from './recovery.ts';
import { picturesOf, writeReport } from './report.ts';
import { version } from './version.ts';
import { bestCheckpoint, useCheckpointWeights } from './weights.ts';

export interface TrainRequest {
  /** Left out only when a run is resumed: then it is the one in its folder. */
  readonly recipe?: Recipe | undefined;
  /** The run folder, or a place that gets a copy of it; left out: `<output.results_dir>/<run name>-<time>`. */
  readonly out?: string | undefined;
  /** `auto`, or, for a resumed run, what it was started on. */
  readonly device?: DeviceChoice | undefined;
  /** Go on with the run in `out` from its newest checkpoint. */
  readonly resume?: boolean | undefined;
  /** What reading the recipe had to say; told as events. */
  readonly warnings?: readonly Told[] | undefined;
  /** Someone who takes part in the run between its steps. */
  readonly control?: RunControl | undefined;
  /** Told while a model of the hub or of a registry is fetched. */
  readonly onDownload?: DownloadListener | undefined;
  /** Milliseconds between two checkpoints that are held in memory (60,000), for a device that is lost. */
  readonly heldInterval?: number | undefined;
}

/** Trains, evaluates, exports, reports and tracks; the events come out as they happen. */
export async function* train(request: TrainRequest, signal?: AbortSignal): AsyncGenerator<RunEvent, void> {
  if (request.recipe) requireTask(request.recipe.model.task_type);
  const run = await openRun(request, signal);
  const { stream } = run;
  const { control } = request;
  if (control?.listen) stream.listen((event) => control.listen?.(event));
  let device: Device | undefined;
  let recovery: Recovery | undefined;
  let tracker: Tracker | undefined;
  let system: SystemLog | undefined;
  let failure: unknown;
  try {
    const before = run.from?.state.identity;
    const choice = request.device ?? (before?.backend as DeviceChoice | undefined);
    // A run that was started kernel by kernel stays so unless somebody says otherwise: bits depend on it.
    const startedEagerly = before?.backend === 'webgpu' && before.execution === 'eager';
    const staysEager = startedEagerly && environmentVariable('OCELLI_EAGER') === undefined;
    device = await openDevice(choice ?? 'auto', { compiled: !staysEager });
    yield* stream.tell(runStarted(run, device), ...warningsOf(request.warnings ?? [], run, device));
    if (staysEager && device.backend === 'webgpu') yield* stream.tell(goesOnEagerly);
    requirePrecision(run.recipe, device);
    tracker = await Tracker.start(run.folder.path, {
      emit: stream.aside,
      ...optional('trackingUri', run.recipe.mlflow.tracking_uri ?? undefined),
    });
    if (tracker) stream.listen(tracker.listener);
    else system = await SystemLog.start(run.folder.path);
    recovery = new Recovery(run, device, request.heldInterval);
    yield* recovery.attempts((attempt) => trainOn(attempt, request, signal), signal);
  } catch (error) {
    failure = interruptOf(error, signal) ?? asDeviceError(error);
    yield* endings(run, failure);
  } finally {
    await system?.dispose();
    await (recovery?.device ?? device)?.dispose();
    const result = await tracker?.finish();
    if (result && !result.complete) stream.aside(pushNeeded(run, result.message));
  }
  yield* stream.tell();
  // The last events, and what the tracker wrote.
  yield* copyResults(run);
  if (failure !== undefined) throw failure;
}

async function* trainOn(
  { device, run, splits: asked, evaluationImages: most, tried, held, resume }: Attempt,
  { control, onDownload }: TrainRequest,
  signal?: AbortSignal,
): AsyncGenerator<RunEvent> {
  const started = performance.now();
  const { recipe, stream, folder } = run;
  const data = await prepareData(recipe, signal, (message) => stream.aside(warning('data', message)));
  yield* stream.tell(dataReady(data));
  const identity = await identityOf(recipe, data.splits.train, device);
  const before = (resume ?? run.from)?.state;
  const splitBefore = (before?.identity.batch === identity.batch && before.splits) || 1;
  const { val, test } = data.splits;
  const { loaded, warnings, parting } = await prepareFittingModel(
    recipe,
    data.classes,
    {
      device,
      folder: folder.path,
      train: data.splits.train,
      evaluated: Math.max(val.records.length, test?.records.length ?? 0),
      splits: Math.max(asked, splitBefore),
      evaluationImages: most,
      onDownload,
    },
    signal,
  );
  const settings = { ...settingsOf(recipe), splits: parting.splits };
  Object.assign(tried, { rows: parting.rows, splits: parting.splits });
  const loaders: Loader[] = [];
  let evaluationStep: EvaluationStep | undefined;
  try {
    yield* stream.tell(
      modelReady(loaded, parting.memory),
      ...warnings.map((message) => warning('model', message)),
      ...partingWarnings(parting, Math.max(asked, splitBefore), most),
    );
    const task = prepareTask(recipe, loaded, data.splits.train);
    if (settings.monitor) checkMonitor(settings.monitor, task);
    const setup: LoaderSetup = {
      recipe,
      processorConfig: loaded.processorConfig,
      threads: await loaderThreads(recipe.data.num_workers),
      onSetAside: ({ fileName, reason }) =>
        stream.aside(warning('image_set_aside', `${fileName} is set aside: ${reason}`)),
    };
    const trainBatches = trainingLoader(setup, data.splits.train);
    const valBatches = evaluationLoader(setup, data.splits.val, parting.evaluationImages);
    loaders.push(trainBatches, valBatches);
    const forEvaluations = new EvaluationStep(
      loaded.model,
      task,
      { ...device, prepare: withOptions(device.prepare, { precision: recipe.training.precision }) },
      { mostImages: parting.evaluationImages },
    );
    const whileEvaluating = async <Result>(work: () => Promise<Result>): Promise<Result> => {
      try {
        return await work();
      } catch (error) {
        // Its parts say nothing about those of steps.
        tried.evaluated = forEvaluations.imagesAtOnce(parting.evaluationRows);
        throw error;
      }
    };
    evaluationStep = forEvaluations;
    const checkpoints = new CheckpointStore(files, folder.checkpoints, await modelCompanions(loaded));
    const live: LiveRun = {
      folder: folder.path,
      device,
      loaded,
      splits: data.splits,
      tell: (event) => stream.tellNow(event),
    };
    const services: TrainingServices<unknown> = {
      device,
      model: loaded.model,
      task,
      batches: control?.between
        ? gated(trainBatches, recipe.training.accumulate_grad_batches, (position) =>
            control.between!(live, position),
          )
        : trainBatches,
      ...(control?.checkpointWanted ? { checkpointWanted: () => control.checkpointWanted!() } : {}),
      evaluate: (stop) =>
        whileEvaluating(() =>
          evaluate({
            split: 'val',
            device,
            model: loaded.model,
            task,
            dataset: data.splits.val,
            batches: valBatches,
            step: forEvaluations,
            signal: stop,
          }),
        ),
      checkpoints,
      held,
      identity,
      resume: resume ?? (run.from && (await checkpoints.load(run.from.path))),
      resumedFrom: resume ? 'a checkpoint in memory' : run.from?.path,
      eventCount: () => run.log.count,
      ...optional('copyCheckpoint', await checkpointCopier(recipe.training.checkpoint_dir)),
    };
    for await (const event of trainLoop(settings, services, signal)) {
      yield* stream.tell(event);
      if (event.type === 'checkpoint') yield* copyResults(run, signal);
    }

    await useCheckpointWeights(loaded.model, checkpoints, await bestCheckpoint(checkpoints));
    const evaluations = await whileEvaluating(() =>
      evaluateAll({
        device,
        data,
        loaded,
        task,
        setup,
        run,
        loaders,
        valBatches,
        evaluationStep: forEvaluations,
        mostImages: parting.evaluationImages,
        signal,
      }),
    );
    yield* stream.tell(...evaluations.flatMap(evaluationEvents));
    const metrics: Metrics = Object.assign({}, ...evaluations.map((evaluation) => evaluation.metrics));
    const splits = { ...data.splits };
    yield* stream.tell(
      ...(await writeModelFolder(folder.file('model'), loaded, { recipe, splits, metrics })),
    );
    const page = await writeReport(evaluations.at(-1)!, {
      folder: folder.file('report'),
      title: recipe.mlflow.run_name,
      model: recipe.model.model_name,
      task: recipe.model.task_type,
      device: device.description,
      version,
      multiLabel: recipe.data.multi_label,
      maxPictures: picturesOf(recipe),
      events: await readEvents(folder.path),
      recipe: resolvedYaml(recipe),
    });
    const last = await checkpoints.stateOf((await checkpoints.latest())!);
    const { step, epoch } = positionOf(last!.progress);
    yield* stream.tell({ type: 'samples', split: evaluations.at(-1)!.split, path: page });
    // Results that are not where they shall be are a failure; the folder here has them.
    await run.output.send(signal);
    const ms = performance.now() - started;
    const { place } = run.output;
    yield* stream.tell({
      type: 'finished',
      run: folder.path,
      ...optional('place', place),
      metrics,
      ms,
      step,
      epoch,
    });
  } finally {
    for (const loader of loaders) await loader.dispose();
    evaluationStep?.dispose();
    loaded.model.dispose();
  }
}

/** To the place of the results, if there is one; a copy that fails now is tried again with the next. */
async function* copyResults(run: OpenRun, signal?: AbortSignal): AsyncGenerator<RunEvent> {
  try {
    await run.output.send(signal);
  } catch (error) {
    if (signal?.aborted) return;
    const reason = error instanceof Error ? error.message : String(error);
    const message = `not everything in ${run.folder.path} was copied to ${run.output.place}: ${reason}`;
    yield* run.stream.tell(warning('results_not_copied', message));
  }
}

interface FinalEvaluation {
  readonly device: Device;
  readonly data: PreparedData;
  readonly loaded: LoadedModel;
  readonly task: Task<unknown>;
  readonly setup: LoaderSetup;
  readonly run: OpenRun;
  readonly loaders: Loader[];
  readonly valBatches: Loader;
  readonly evaluationStep: EvaluationStep;
  /** Of a batch. */
  readonly mostImages: number;
  readonly signal: AbortSignal | undefined;
}

/** Val, and test where there is one, with the weights that are handed out. */
async function evaluateAll(request: FinalEvaluation): Promise<SplitEvaluation[]> {
  const { device, data, loaded, task, setup, run, loaders, valBatches, evaluationStep, mostImages, signal } =
    request;
  const evaluations: SplitEvaluation[] = [];
  for (const split of ['val', 'test'] as const) {
    const dataset = data.splits[split];
    if (!dataset) continue;
    const batches = split === 'val' ? valBatches : evaluationLoader(setup, dataset, mostImages);
    if (split !== 'val') loaders.push(batches);
    const save = run.recipe.output.save_predictions;
    evaluations.push(
      await evaluateSplit({
        split,
        device,
        model: loaded.model,
        task,
        dataset,
        batches,
        step: evaluationStep,
        classes: loaded.classes,
        predictionsFile: save ? run.folder.file(`predictions/${split}.json`) : undefined,
        signal,
      }),
    );
  }
  return evaluations;
}

/** An abort that came before or after the loop, as the interrupt that it is. */
function interruptOf(error: unknown, signal?: AbortSignal): InterruptedError | undefined {
  if (error instanceof InterruptedError) return error;
  if (!signal?.aborted) return undefined;
  return new InterruptedError({
    code: 'interrupted',
    expected: 'to train to the end',
    received: 'an interrupt',
    fix: 'go on with --resume',
    cause: error,
  });
}

/** The last event of a run that did not finish. The loop has told its own interrupts already. */
async function* endings({ stream, folder }: OpenRun, failure: unknown): AsyncGenerator<RunEvent> {
  if (!(failure instanceof InterruptedError)) {
    yield* stream.tell(failedEvent(failure));
    return;
  }
  if (stream.last === 'stopped') return;
  const checkpoint = (await new CheckpointStore(files, folder.checkpoints).latest()) ?? '';
  yield* stream.tell({ type: 'stopped', reason: 'interrupted', checkpoint, step: 0, epoch: 0 });
}
