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
}

export class ModelHolder {
  /** A folder of this machine, instead of the attribute. */
  chosen: ModelPlace | undefined;
  private opening: Promise<HeldModel> | undefined;
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

  /** By the model that is open then. A file can be asked about again when its worker is gone; a bitmap is gone as well. */
  async ask(picture: Blob | ImageBitmap): Promise<Answer> {
    const model = await this.open();
    const { labels } = this.settings();
    try {
      return await this.connection().predict(model, picture, labels);
    } catch (error) {
      const broken = error instanceof OcelliError && ['device_lost', 'worker_crashed'].includes(error.code);
      if (!broken) throw error;
      this.connection().restart(model);
      if (!(picture instanceof Blob)) throw error;
      return await this.connection().predict(await this.open(), picture, labels);
    }
  }

  /** Another model, or none: the one that is open is given back. */
  letGo(): void {
    this.generation++;
    if (this.held) void this.connection().close(this.held);
    this.held = undefined;
    this.opening = undefined;
  }

  private async openNow(generation: number): Promise<HeldModel> {
    const isCurrent = (): boolean => generation === this.generation;
    try {
      const request = this.request();
      this.events.opening();
      const model = await this.connection().open(request, (progress) => {
        if (isCurrent()) this.events.progress(progress);
      });
      if (!isCurrent()) {
        void this.connection().close(model);
        return await this.openAgain();
      }
      this.held = model;
      this.events.ready(model);
      return model;
    } catch (error) {
      if (!isCurrent()) return await this.openAgain(error);
      this.opening = undefined;
      throw error;
    }
  }

  private openAgain(error?: unknown): Promise<HeldModel> {
    if (this.isWanted()) return this.open();
    return Promise.reject(error ?? new DOMException('the element left the page', 'AbortError'));
  }

  private request(): OpenRequest {
    const { task, device, dtype, maxBytes } = this.settings();
    const record = this.settings().record && this.connection().record;
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
