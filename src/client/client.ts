/**
 * The page's side of the training worker. The page sends a recipe and a listener and gets events; everything heavy
 * happens in the worker, so that the page stays smooth.
 *
 *     const client = TrainingClient.open();
 *     await client.start({ recipe }, (event) => { if (event.type === 'step') plot(event.loss); });
 *
 * Errors of the worker arrive as they were thrown there, with class, code and fix. A worker that dies fails every
 * open call with `worker_crashed`; the next call starts a new one, and the run is in `runs()` to go on with.
 */
import { proxy, type Remote, releaseProxy, wrap } from 'comlink';
import { ConfigError, type OcelliError, RunError } from '../core/index.ts';
import { hasEntries, heldLocks, missingCapabilities, requestPersistence } from '../platform/browser/index.ts';
import { prepareCrossing } from './crossing.ts';
import { grantPlaces } from './picked.ts';
import type {
  EvaluateRun,
  EventListener,
  ImportProgress,
  ImportRequest,
  ResumeRequest,
  RunResult,
  StartRequest,
  TrainingService,
} from './protocol.ts';
import { importNotes, onRunsChanged, RunIndex, type RunRecord } from './run-index.ts';
import { WakeLock } from './wake-lock.ts';

type Calls = Omit<TrainingService, 'start' | 'resume' | 'evaluate' | 'importRun'>;

interface Connection {
  readonly worker: Worker;
  readonly remote: Remote<TrainingService>;
  /** Rejects when the worker is gone. */
  readonly gone: Promise<never>;
  fail(error: Error): void;
}

export class TrainingClient {
  private connection: Connection | undefined;
  private readonly wakeLock = new WakeLock();
  private environment: Readonly<Record<string, string>> = {};

  private constructor(private readonly startWorker: () => Worker) {
    prepareCrossing();
  }

  /** @throws ConfigError `browser_unsupported` where the browser lacks what a run needs (WebGPU is not among it) */
  static open(
    startWorker = (): Worker =>
      new Worker(new URL('../../workers/training.worker.ts', import.meta.url), {
        type: 'module',
        name: 'training',
      }),
  ): TrainingClient {
    const missing = missingCapabilities();
    if (missing.length > 0) throw unsupported(missing);
    return new TrainingClient(startWorker);
  }

  /** The calls of the worker that need nothing of the page: previews, predictions, files, storage. */
  readonly worker: Calls = new Proxy({} as Calls, {
    get: (_, name) =>
      // Not a promise, whoever awaits it.
      typeof name === 'string' && name !== 'then'
        ? (...args: unknown[]) =>
            this.call((remote) =>
              (remote as unknown as Record<string, (...a: unknown[]) => Promise<unknown>>)[name]!(...args),
            )
        : undefined,
  });

  /** Values for what reads environment variables in Node: `HF_ENDPOINT`, `MLFLOW_TRACKING_URI`. */
  configure(environment: Readonly<Record<string, string>>): void {
    this.environment = environment;
    if (this.connection) void this.worker.configure(environment);
  }

  /** Trains to the end, a stop or an error. The screen stays on meanwhile. */
  start(request: StartRequest, listener: EventListener): Promise<RunResult> {
    return this.awake(() => this.call((remote) => remote.start(request, proxy(listener))));
  }

  /** Goes on with a run of `runs()`. Folders that it reads from may ask the user again: call it from a click. */
  async resume(request: ResumeRequest, listener: EventListener): Promise<RunResult> {
    const index = await RunIndex.open();
    const places = request.places ?? (await index.places(request.run));
    index.close();
    await grantPlaces(places);
    return this.awake(() =>
      this.call((remote) => remote.resume({ ...request, ...(places ? { places } : {}) }, proxy(listener))),
    );
  }

  evaluate(request: EvaluateRun, listener: EventListener): ReturnType<TrainingService['evaluate']> {
    return this.call((remote) => remote.evaluate(request, proxy(listener)));
  }

  /** Copies a run folder of elsewhere into this browser; undefined when `worker.cancelImport` ended it. */
  importRun(
    request: ImportRequest,
    listener: (progress: ImportProgress) => void,
  ): ReturnType<TrainingService['importRun']> {
    return this.awake(() => this.call((remote) => remote.importRun(request, proxy(listener))));
  }

  /** Removes runs that closed tabs have copied in part. Where there are none, which is usual, no worker is started. */
  async tidyImports(): Promise<void> {
    if (await hasEntries(importNotes)) await this.worker.removeUnfinishedImports();
  }

  /** The runs of this browser, newest first; those whose tab was closed are `interrupted`. */
  async runs(): Promise<RunRecord[]> {
    const index = await RunIndex.open();
    try {
      return await index.list(await heldLocks());
    } finally {
      index.close();
    }
  }

  /** Calls back whenever `runs()` gives something else, because of this tab or another one; for as long as the page is there. */
  watchRuns(callback: () => void): void {
    onRunsChanged(callback);
  }

  /** Asks the browser to keep what this page stores; true when it does. */
  persist(): Promise<boolean> {
    return requestPersistence();
  }

  /** Whether the screen is kept on. */
  get keepsAwake(): boolean {
    return this.wakeLock.held;
  }

  /** Ends the worker. A run that was under way can be resumed from its last checkpoint. */
  dispose(): void {
    const { connection } = this;
    this.connection = undefined;
    connection?.fail(ended());
    connection?.remote[releaseProxy]();
    connection?.worker.terminate();
    void this.wakeLock.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private async awake<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.wakeLock.hold();
    try {
      return await work();
    } finally {
      await this.wakeLock.release();
    }
  }

  private async call<Result>(work: (remote: Remote<TrainingService>) => Promise<Result>): Promise<Result> {
    const { remote, gone } = this.connect();
    return Promise.race([work(remote), gone]);
  }

  private connect(): Connection {
    if (this.connection) return this.connection;
    const worker = this.startWorker();
    let fail: (error: Error) => void = () => {};
    const gone = new Promise<never>((_, reject) => {
      fail = reject;
    });
    // Nobody may be waiting for it.
    gone.catch(() => undefined);
    const connection: Connection = { worker, remote: wrap<TrainingService>(worker), gone, fail };
    const crashed = (received: string): void => {
      if (this.connection === connection) this.connection = undefined;
      worker.terminate();
      fail(crash(received));
    };
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      crashed(event.message || 'its code could not be loaded');
    });
    worker.addEventListener('messageerror', () => crashed('a message that could not be read'));
    this.connection = connection;
    if (Object.keys(this.environment).length > 0) void connection.remote.configure(this.environment);
    return connection;
  }
}

function unsupported(missing: readonly string[]): OcelliError {
  return new ConfigError({
    code: 'browser_unsupported',
    expected: 'a browser and a page that can keep files and run workers',
    received: `without ${missing.join(', ')}`,
    fix: 'open the page over https or on localhost, in a current Chrome, Edge, Firefox or Safari, outside of a private window',
  });
}

function crash(received: string): OcelliError {
  return new RunError({
    code: 'worker_crashed',
    expected: 'a training worker that answers',
    received,
    fix: 'go on with the run from its last checkpoint; reload the page if it happens again',
  });
}

function ended(): OcelliError {
  return new RunError({
    code: 'worker_ended',
    expected: 'a training worker that answers',
    received: 'a page that has ended it',
    fix: 'open another client; the run can be resumed from its last checkpoint',
  });
}
