/**
 * The worker's side: models by what was asked for, one run at a time. Two elements that name the same model share it;
 * it is given back when the last of them lets go.
 */
import { expose, transfer } from 'comlink';
import { prepareCrossing } from '../../client/wire/index.ts';
import { ConfigError, RunError } from '../../core/index.ts';
import type { Answer, OpenedModel, OpenRequest, Progress, WidgetService, WorkerState } from '../protocol.ts';
import { openModel } from './open-model.ts';
import { tellParts } from './parts.ts';
import { readPicture } from './picture.ts';
import type { WidgetModel } from './widget-model.ts';

interface Entry {
  readonly key: string;
  readonly model: Promise<WidgetModel>;
  /** Once it is open. */
  opened?: WidgetModel;
  /** Ends what is still being fetched for it. */
  readonly fetching: AbortController;
  users: number;
  readonly listeners: Set<(progress: Progress) => void>;
  answers: number;
  pause?: ReturnType<typeof setTimeout>;
  improved: boolean;
}

/** Milliseconds without a question, or so many answers without a pause (a camera), before a model is recorded. */
const pauseBeforeImproving = 1000;
const answersBeforeImproving = 20;

class Service implements WidgetService {
  private readonly entries = new Map<string, Entry>();
  private readonly handles = new Map<number, Entry>();
  /** Ends the wait of somebody for a model, by the ticket that came with the question. */
  private readonly waiting = new Map<number, () => void>();
  private lastHandle = 0;
  /** Chosen folders are never the same. */
  private lastFolder = 0;
  private queue: Promise<unknown> = Promise.resolve();

  async open(
    request: OpenRequest,
    listener: (progress: Progress) => void,
    ticket: number,
  ): Promise<OpenedModel> {
    tellParts(request.parts);
    const entry = this.entryOf(request);
    entry.users++;
    entry.listeners.add(listener);
    const cancelled = new Promise<never>((_, reject) => {
      this.waiting.set(ticket, () => reject(notWanted()));
    });
    try {
      const model = await Promise.race([entry.model, cancelled]);
      const handle = ++this.lastHandle;
      this.handles.set(handle, entry);
      const { task, classNames: classes, description: runtime, device, path } = model;
      return { handle, task, classes, runtime, device, path };
    } catch (error) {
      this.release(entry);
      throw error;
    } finally {
      this.waiting.delete(ticket);
      entry.listeners.delete(listener);
    }
  }

  async cancel(ticket: number): Promise<void> {
    this.waiting.get(ticket)?.();
  }

  async predict(handle: number, picture: Blob | ImageBitmap, candidates: readonly string[]): Promise<Answer> {
    const entry = this.handles.get(handle);
    if (!entry) throw closed(handle);
    const model = await entry.model;
    const answer = await this.inTurn(() => answerOf(model, picture, candidates));
    entry.answers++;
    clearTimeout(entry.pause);
    if (entry.answers === answersBeforeImproving) void this.improve(entry);
    else entry.pause = setTimeout(() => void this.improve(entry), pauseBeforeImproving);
    return answer;
  }

  /** Makes later runs faster where that works: once, when nobody waits. */
  private async improve(entry: Entry): Promise<void> {
    clearTimeout(entry.pause);
    if (entry.improved || entry.users === 0) return;
    entry.improved = true;
    const model = await entry.model;
    await this.inTurn(() => model.improve()).catch(() => undefined);
  }

  async close(handle: number): Promise<void> {
    const entry = this.handles.get(handle);
    if (!entry) return;
    this.handles.delete(handle);
    this.release(entry);
  }

  /** What there is once all is done that was begun; nobody waits for a pause. */
  async state(): Promise<WorkerState> {
    for (const entry of this.entries.values()) if (entry.answers > 0) await this.improve(entry);
    await this.queue.catch(() => undefined);
    const sessions = [...this.entries.values()].flatMap(({ opened }) =>
      opened ? [{ device: opened.device, ...opened.recording }] : [],
    );
    return { models: this.entries.size, sessions };
  }

  private entryOf(request: OpenRequest): Entry {
    const { place, ...rest } = request;
    const where = place.kind === 'files' ? `folder ${++this.lastFolder}` : place;
    const key = JSON.stringify([where, rest]);
    const known = this.entries.get(key);
    if (known) return known;
    const listeners: Entry['listeners'] = new Set();
    const fetching = new AbortController();
    const model = openModel(request, {
      signal: fetching.signal,
      onProgress: (progress) => {
        for (const listener of listeners) listener(progress);
      },
      inTurn: (work) => this.inTurn(work),
    });
    const entry: Entry = { key, model, fetching, users: 0, listeners, answers: 0, improved: false };
    this.entries.set(key, entry);
    model.then(
      (opened) => {
        entry.opened = opened;
      },
      () => undefined,
    );
    return entry;
  }

  private release(entry: Entry): void {
    if (--entry.users > 0) return;
    // A model that failed may have been asked for again meanwhile, under the same key.
    if (this.entries.get(entry.key) === entry) this.entries.delete(entry.key);
    entry.fetching.abort();
    void entry.model.then((model) => this.inTurn(() => model.dispose())).catch(() => undefined);
  }

  /** onnxruntime computes one thing at a time. */
  private inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.queue.then(work, work);
    this.queue = result.catch(() => undefined);
    return result;
  }
}

async function answerOf(
  model: WidgetModel,
  picture: Blob | ImageBitmap,
  candidates: readonly string[],
): Promise<Answer> {
  const start = performance.now();
  const { raster, shown } = await readPicture(picture);
  const decoded = performance.now();
  const predicting = model.predict(raster, candidates);
  const { prepared, ...said } = await (model.lost ? Promise.race([predicting, model.lost]) : predicting);
  const end = performance.now();
  const { width, height } = raster;
  const times = {
    decode: decoded - start,
    prepare: prepared - decoded,
    model: end - prepared,
    total: end - start,
  };
  const answer = { ...said, width, height, times };
  const bitmap = await shown?.catch(() => undefined);
  return bitmap ? transfer({ ...answer, bitmap }, [bitmap]) : answer;
}

function notWanted(): RunError {
  return new RunError({
    code: 'model_not_wanted',
    expected: 'somebody to wait for the model',
    received: 'an element that has left the page, or has another model by now',
    fix: 'ask again if it is wanted after all',
  });
}

function closed(handle: number): ConfigError {
  return new ConfigError({
    code: 'model_closed',
    expected: 'a model that is open',
    received: `the handle ${handle}, which was closed`,
    fix: 'open the model again',
  });
}

export function serveWidget(): void {
  prepareCrossing();
  expose(new Service());
}
