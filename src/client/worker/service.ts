/** The training worker's service; see `protocol.ts` for what each call promises. */
import { files } from '#platform';
import { parseRecipe } from '../../config/index.ts';
import {
  ConfigError,
  InterruptedError,
  type Metrics,
  type RunEvent,
  type SplitName,
} from '../../core/index.ts';
import type { Splits } from '../../data/index.ts';
import { type DeviceChoice, openDevice, probeEngine } from '../../engine/index.ts';
import { exportRun } from '../../export/index.ts';
import {
  type MountSource,
  makeRoom,
  mount,
  prepareOnnx,
  readStorage,
  useEnvironment,
} from '../../platform/browser/index.ts';
import { evaluateModel, type TrainRequest, train } from '../../runs/index.ts';
import type {
  DataArrangement,
  DataDescription,
  DataImage,
  DataRequest,
  EvaluateResult,
  EvaluateRun,
  EventListener,
  ExportResult,
  ImportedRun,
  InspectedImage,
  Inspection,
  InspectRequest,
  Places,
  PredictRequest,
  PredictResult,
  PreviewRequest,
  PreviewResult,
  ResumeRequest,
  RunResult,
  StartRequest,
  TrainingService,
} from '../protocol.ts';
import { RunIndex } from '../run-index.ts';
import { arrangeData, arrangeListing } from './arrange.ts';
import { Conductor } from './conductor.ts';
import { describe, openData, truthOf } from './data.ts';
import { giveData, lookForData } from './data-places.ts';
import { blobOf, listBelow, zipFolder } from './folders.ts';
import { Importing } from './import/importing.ts';
import { removeUnfinished } from './import/unfinished.ts';
import { OpenInspection } from './inspect.ts';
import { standInForModel } from './own-model.ts';
import { KeptPredictor } from './predict.ts';
import { previewOf } from './preview.ts';
import { RunRecorder } from './recorder.ts';
import { noData, noRun } from './refusals.ts';
import { listPlace, pushRun, saveFolder } from './remote.ts';
import { holdRun, newRunFolder } from './run-folders.ts';

/** Of a volume, to find its splits; more would take a browser minutes. */
const arrangedFiles = 100_000;

const predicting = 'a prediction';

export class TrainingWorker implements TrainingService {
  /** What owns the device now, in words. */
  private busy: string | undefined;
  /** Settles when the device has been looked at: that takes seconds, and what comes meanwhile waits. */
  private look: Promise<unknown> | undefined;
  private conductor: Conductor | undefined;
  private interrupt: AbortController | undefined;
  /** What `describeData` opened. */
  private opened: Splits | undefined;
  private inspection: OpenInspection | undefined;
  private readonly predictor = new KeptPredictor();
  private readonly importing = new Importing();
  /** What an export takes, being fetched. */
  private exporting: Promise<void> | undefined;

  async configure(environment: Readonly<Record<string, string>>): Promise<void> {
    useEnvironment(environment);
  }

  probe(): ReturnType<typeof probeEngine> {
    const look = this.exclusively('a look at the device', probeEngine);
    this.look = look.catch(() => undefined);
    return look;
  }

  start(request: StartRequest, listener: EventListener): Promise<RunResult> {
    return this.exclusively('a run', async () => {
      const { recipe, warnings } = parseRecipe(request.recipe, {
        source: 'recipe.yaml',
        overrides: request.overrides ?? [],
      });
      const { out, device, places } = request;
      await this.mountAll(places);
      return this.run({ recipe, warnings, out: out ?? newRunFolder(recipe), device }, places, listener);
    });
  }

  resume({ run, places, device }: ResumeRequest, listener: EventListener): Promise<RunResult> {
    return this.exclusively('a run', async () => {
      const known = places ?? (await keptPlaces(run));
      await this.mountAll(known);
      const { warnings, release } = await standInForModel(run);
      try {
        return await this.run({ out: run, resume: true, device, warnings }, known, listener);
      } finally {
        release();
      }
    });
  }

  async pause(): Promise<void> {
    await this.conducted().pause();
  }

  async proceed(): Promise<void> {
    this.conducted().proceed();
  }

  async stop(): Promise<void> {
    this.interrupt?.abort();
    this.conductor?.proceed();
  }

  preview(request?: PreviewRequest): Promise<PreviewResult> {
    return this.conducted().ask((live, position) => previewOf(live, position, request));
  }

  async arrangeData(folder: string, places?: Places): Promise<DataArrangement> {
    await this.mountAll(places);
    if (folder.startsWith('/picked/')) return arrangeData(folder);
    const { entries } = await listPlace(folder, arrangedFiles);
    return arrangeListing(
      folder,
      entries.map(({ path }) => path),
    );
  }

  async describeData({ recipe: text, overrides, places }: DataRequest): Promise<DataDescription> {
    await this.mountAll(places);
    const { recipe } = parseRecipe(text, { source: 'recipe.yaml', overrides: overrides ?? [] });
    this.opened = await openData(recipe);
    return describe(this.opened);
  }

  async dataImages(split: SplitName, indices: readonly number[]): Promise<DataImage[]> {
    const dataset = (this.conductor?.data?.splits ?? this.opened)?.[split];
    if (!dataset) throw noData(split);
    const known = indices.filter((index) => dataset.records[index] !== undefined);
    return Promise.all(
      known.map(async (index) => {
        const record = dataset.records[index]!;
        const picture = new Blob([(await dataset.open(record).read()) as Uint8Array<ArrayBuffer>]);
        return { index, fileName: record.fileName, truth: truthOf(record, dataset), picture };
      }),
    );
  }

  evaluate(request: EvaluateRun, listener: EventListener): Promise<EvaluateResult> {
    return this.exclusively('an evaluation', async () => {
      const { places = request.out === undefined ? undefined : await keptPlaces(request.out) } = request;
      await this.mountAll(places);
      const { recipe } = parseRecipe(request.recipe, { source: 'recipe.yaml' });
      const { model, split, device, out } = request;
      this.interrupt = new AbortController();
      const events = evaluateModel({ model, recipe, split, device, out }, this.interrupt.signal);
      let heard = Promise.resolve();
      for (;;) {
        const { done, value } = await events.next();
        if (done) {
          await heard;
          return value;
        }
        heard = tell(listener, value);
      }
    });
  }

  async predict(request: PredictRequest, pictures: readonly (Blob | ImageBitmap)[]): Promise<PredictResult> {
    // While a run owns our device, onnxruntime has its own.
    const engine = this.conductor ? 'onnx' : 'auto';
    if (!this.predictor.holds(request, engine)) await this.mountAll(request.places);
    const work = (): Promise<PredictResult> => this.predictor.predict(request, pictures, engine);
    // A picture may be dropped while the camera films: predictions wait for each other, and refuse none.
    if (this.conductor || this.busy === predicting) return work();
    return this.exclusively(predicting, work, { keepsPredictor: true });
  }

  async inspect({ run, split = 'val', places }: InspectRequest): Promise<Inspection> {
    await this.mountAll(places ?? (await keptPlaces(run)));
    this.inspection = await OpenInspection.open(run, split);
    return this.inspection.result;
  }

  async inspectedImages(indices: readonly number[]): Promise<InspectedImage[]> {
    return (await this.inspection?.images(indices)) ?? [];
  }

  export(run: string, options: Parameters<TrainingService['export']>[1] = {}): Promise<ExportResult> {
    return this.exclusively('an export', () => onDevice('auto', () => exportRun(run, options)));
  }

  async listFiles(folder: string, places?: Places): ReturnType<typeof listBelow> {
    await this.mountAll(places);
    return listBelow(folder);
  }

  readFile(path: string): Promise<Blob> {
    return blobOf(path);
  }

  async writeFile(path: string, content: Blob): Promise<void> {
    await files.write(path, new Uint8Array(await content.arrayBuffer()));
  }

  zipFolder(folder: string): Promise<Blob> {
    return zipFolder(folder);
  }

  push(run: string): ReturnType<typeof pushRun> {
    return pushRun(run);
  }

  saveTo(folder: string, place: string): ReturnType<typeof saveFolder> {
    return saveFolder(folder, place);
  }

  listPlace(place: string, limit?: number): ReturnType<typeof listPlace> {
    return listPlace(place, limit);
  }

  importRun(
    ...[request, listener]: Parameters<TrainingService['importRun']>
  ): Promise<ImportedRun | undefined> {
    return this.importing.run(request, listener);
  }

  async cancelImport(): Promise<void> {
    this.importing.cancel();
  }

  removeUnfinishedImports(): Promise<void> {
    return removeUnfinished('wait');
  }

  async missingData(run: string): ReturnType<typeof lookForData> {
    await this.mountAll(await keptPlaces(run));
    return lookForData(run);
  }

  giveData(...request: Parameters<typeof giveData>): ReturnType<typeof giveData> {
    return giveData(...request);
  }

  async removeRun(run: string): Promise<void> {
    const release = await holdRun(run);
    try {
      await this.predictor.close();
      await files.remove(run);
      const index = await RunIndex.open();
      await index.remove(run);
      index.close();
    } finally {
      release();
    }
  }

  storage(): ReturnType<typeof readStorage> {
    return readStorage();
  }

  makeRoom(bytes: number): Promise<number> {
    return makeRoom(bytes);
  }

  /** Trains with the page's listener, the run index and the pause in it; holds the run's lock meanwhile. */
  private async run(
    request: TrainRequest & { readonly out: string },
    places: Places | undefined,
    listener: EventListener,
  ): Promise<RunResult> {
    const release = await holdRun(request.out);
    const index = await RunIndex.open();
    const before = await index.get(request.out);
    let heard = Promise.resolve();
    const hear = (event: RunEvent): void => {
      heard = tell(listener, event);
    };
    const recorder = new RunRecorder(index, places, before, (reason) => hear(placesLost(reason)));
    const conductor = new Conductor((event) => {
      recorder.observe(event);
      hear(event);
      if (event.type === 'finished') metrics = event.metrics;
      // The run will be exported: what that takes is fetched while there is a connection.
      if (event.type === 'checkpoint') this.exporting ??= prepareOnnx().catch(() => undefined);
    });
    let metrics: Metrics = {};
    this.conductor = conductor;
    this.interrupt = new AbortController();
    try {
      const events = train({ ...request, control: conductor }, this.interrupt.signal);
      // Listeners get the events; whoever reads keeps the run going.
      while (!(await events.next()).done);
      return { run: request.out, outcome: 'finished', metrics };
    } catch (error) {
      if (!(error instanceof InterruptedError)) throw error;
      return { run: request.out, outcome: 'stopped', metrics };
    } finally {
      conductor.end();
      this.conductor = undefined;
      await recorder.finish();
      index.close();
      release();
      // Events take another way than the end of the call: none of them may come after it.
      await heard;
    }
  }

  private async mountAll(places: Readonly<Record<string, MountSource>> = {}): Promise<void> {
    for (const [path, source] of Object.entries(places)) await mount(path, source);
  }

  private conducted(): Conductor {
    if (!this.conductor) throw noRun('nothing');
    return this.conductor;
  }

  private async exclusively<Result>(
    what: string,
    work: () => Promise<Result>,
    { keepsPredictor = false } = {},
  ): Promise<Result> {
    await this.look;
    if (this.busy !== undefined) {
      throw new ConfigError({
        code: 'worker_busy',
        expected: `a worker that is free for ${what}`,
        received: `one that is busy with ${this.busy}`,
        fix: 'wait for it or stop it first',
      });
    }
    this.busy = what;
    try {
      if (!keepsPredictor) await this.predictor.close();
      return await work();
    } finally {
      this.busy = undefined;
      this.interrupt = undefined;
    }
  }
}

/** Resolves when the page has heard it. A page that is gone hears nothing, and the run goes on. */
function tell(listener: EventListener, event: RunEvent): Promise<void> {
  return Promise.resolve(listener(event) as unknown).then(
    () => undefined,
    () => undefined,
  );
}

async function keptPlaces(run: string): Promise<Places | undefined> {
  const index = await RunIndex.open();
  try {
    return await index.places(run);
  } finally {
    index.close();
  }
}

async function onDevice<Result>(choice: DeviceChoice, work: () => Promise<Result>): Promise<Result> {
  const device = await openDevice(choice);
  try {
    return await work();
  } finally {
    await device.dispose();
  }
}

function placesLost(reason: string): RunEvent {
  return {
    type: 'warning',
    code: 'places_not_kept',
    message: `the data of this run could not be kept in the browser (${reason}): pick it again to resume after a reload`,
    time: new Date().toISOString(),
  };
}
