/**
 * The model of one element: opened when it is first needed, given back when another is named. Whoever asks while settings
 * change gets the model of the newest ones; a runtime that broke is started again, once for each question.
 */
import { ConfigError, OcelliError } from '../../core/index.ts';
import { modelPlace, placeName } from '../model-place.ts';
import type { Answer, ModelPlace, OpenRequest, Progress } from '../protocol.ts';
import type { HeldModel, WidgetConnection } from './connection.ts';
import type { Settings } from './settings.ts';

export interface HolderEvents {
  opening(): void;
  progress(progress: Progress): void;
  ready(model: HeldModel): void;
  /** Another device or worker answers now, because of that. */
  recovered(model: HeldModel, reason: OcelliError): void;
}

/** For one question: the second one leaves the graphics card alone. */
const mostRestarts = 2;

/** A worker that never opened anything will not do so the next time. */
function isBroken(error: unknown, model: HeldModel | undefined): error is OcelliError {
  if (!(error instanceof OcelliError)) return false;
  return error.code === 'device_lost' || (error.code === 'worker_crashed' && model !== undefined);
}

export class ModelHolder {
  /** A folder of this machine, instead of the attribute. */
  chosen: ModelPlace | undefined;
  private opening: Promise<HeldModel> | undefined;
  /** Aborted when what is being opened is not wanted any more. */
  private wanting: AbortController | undefined;
  private held: HeldModel | undefined;
  /** Counts models: what was opened for an earlier one is closed. */
  private generation = 0;

  constructor(
    private readonly connection: () => WidgetConnection,
    private readonly settings: () => Settings,
    /** Whether anybody still waits for a model. */
    private readonly isWanted: () => boolean,
    private readonly events: HolderEvents,
  ) {}

  /** The model that is open. */
  get opened(): HeldModel | undefined {
    return this.held;
  }

  get isNamed(): boolean {
    return this.chosen !== undefined || this.settings().model !== '';
  }

  get name(): string {
    return this.chosen ? placeName(this.chosen) : this.settings().model;
  }

  open(): Promise<HeldModel> {
    if (this.held && !this.connection().isAlive(this.held)) this.letGo();
    this.opening ??= this.openNow(this.generation);
    return this.opening;
  }

  /**
   * By the model that is named when the answer comes: where another one was named meanwhile, that one is asked. What was
   * broken meanwhile is started again, and the picture made again: a device that was lost once may come back; one that is
   * lost again is left alone where `device` does not ask for it.
   */
  async ask(picture: () => Promise<Blob | ImageBitmap>): Promise<Answer> {
    let reason: OcelliError | undefined;
    for (let lost = 0; ; ) {
      let model: HeldModel | undefined;
      let generation = Number.NaN;
      const isOutdated = (): boolean =>
        model !== undefined && generation !== this.generation && this.isWanted();
      try {
        model = await this.open();
        generation = this.generation;
        if (reason) this.events.recovered(model, reason);
        const { labels } = this.settings();
        const answer = await this.connection().predict(model, await picture(), labels);
        if (!isOutdated() && !this.isForOthers(model, labels)) return answer;
      } catch (error) {
        if (isOutdated()) continue;
        if (!isBroken(error, model) || ++lost > mostRestarts) throw error;
        reason = error;
        if (lost > 1 && error.code === 'device_lost') this.connection().avoidGpu = true;
        this.connection().restart(model);
      }
    }
  }

  /** A zero-shot model looked for other classes than are wanted by now. */
  private isForOthers({ task }: HeldModel, labels: readonly string[]): boolean {
    return task.startsWith('zero-shot') && labels.join() !== this.settings().labels.join();
  }

  /** Another model, or none: the one that is open is given back. */
  letGo(): void {
    this.generation++;
    this.wanting?.abort();
    if (this.held) void this.connection().close(this.held);
    this.held = undefined;
    this.opening = undefined;
  }

  private async openNow(generation: number): Promise<HeldModel> {
    const isCurrent = (): boolean => generation === this.generation;
    const wanting = new AbortController();
    this.wanting = wanting;
    try {
      const request = this.request();
      this.events.opening();
      const onProgress = (progress: Progress): void => {
        if (isCurrent()) this.events.progress(progress);
      };
      const model = await this.connection().open(request, onProgress, wanting.signal);
      if (!isCurrent()) {
        void this.connection().close(model);
        return await this.openAgain();
      }
      this.held = model;
      this.events.ready(model);
      return model;
    } catch (error) {
      if (!isCurrent()) return await this.openAgain();
      this.opening = undefined;
      throw error;
    }
  }

  private openAgain(): Promise<HeldModel> {
    if (this.isWanted()) return this.open();
    return Promise.reject(new DOMException('the element left the page', 'AbortError'));
  }

  private request(): OpenRequest {
    const { task, device: asked, dtype, maxBytes } = this.settings();
    const { record: mayRecord, avoidGpu } = this.connection();
    const record = this.settings().record && mayRecord;
    const device = asked === 'auto' && avoidGpu ? 'wasm' : asked;
    return { place: this.place(), task, device, dtype, maxBytes, record };
  }

  private place(): ModelPlace {
    if (this.chosen) return this.chosen;
    const { model, hub } = this.settings();
    if (model !== '') return modelPlace(model, document.baseURI, hub);
    throw new ConfigError({
      code: 'model_missing',
      expected:
        'a model: the attribute model with the address of a folder or a hub id, or a folder of this machine',
      received: 'none',
      fix: 'set the attribute model, or choose or drop the folder of a model',
    });
  }
}
