/**
 * `<ocelli-predict model="…">`: a model on a page. Nothing is loaded until there is a picture to look at (or
 * `preload="model"`, or a call of `load`). The shared worker does the work; what is shown is display.ts.
 */
import type { OcelliError } from '../../core/index.ts';
import { placeOfFiles } from '../model-place.ts';
import type { PartAddresses, WorkerState } from '../protocol.ts';
import { Camera } from './camera.ts';
import { type HeldModel, WidgetConnection } from './connection.ts';
import { Display } from './display.ts';
import type { PredictionDetail, ReadyDetail } from './events.ts';
import { asOurs, errorDetail, isGivenUp, isOfAttribute, isOfPicture } from './failure.ts';
import { Filming } from './filming.ts';
import { unknownLabels } from './findings.ts';
import { Handover } from './handover.ts';
import { type Looking, lookAtDrawable, lookAtFile } from './look.ts';
import { ModelHolder } from './model-holder.ts';
import { ModelStatus } from './model-status.ts';
import { ElementWithProperties, mirroredNames } from './properties.ts';
import { attributeNames, modelAttributes, readSettings, type Settings } from './settings.ts';
import { type FolderFile, fetchPicture } from './transfer.ts';
import { View } from './view.ts';

/** What can be looked at: a file, an address, or anything that the page can draw. */
export type Picture = Blob | string | URL | ImageBitmapSource;

/** Set before the script was there, they would hide ours. */
const properties = ['model', 'task', 'src', ...mirroredNames, 'modelFiles'] as const;

export class OcelliPredict extends ElementWithProperties {
  static readonly observedAttributes: readonly string[] = attributeNames;
  /** Where the worker's file lies; whoever defines the element sets it. */
  static workerAddress = '';
  /** Where a bundler has put what the worker fetches. */
  static parts: PartAddresses | undefined;

  private readonly view: View;
  private readonly display: Display;
  private readonly filming: Filming;
  private readonly handover: Handover;
  private readonly holder: ModelHolder;
  private readonly status: ModelStatus;
  private settings: Settings;
  /** Counts pictures: an answer that comes after a newer picture is not shown. */
  private asked = 0;
  private fetching: AbortController | undefined;
  private scheduled = false;
  private repeat = false;
  /** The value of `src` that was looked at. */
  private looked: string | undefined;
  /** The picture that is being looked at. */
  private pending: Picture | undefined;
  /** A picture without an answer, though nothing is wrong with it: the next model gets it. */
  private unanswered: Picture | undefined;
  /** What people read now. */
  private failed: OcelliError | undefined;
  private problems: readonly OcelliError[] = [];
  /** Of the attributes as they are; another one that changes is no reason to say it again. */
  private told: ReadonlySet<string> = new Set();

  constructor() {
    super();
    this.view = new View(this.attachShadow({ mode: 'open' }), {
      picture: (file) => this.look(file),
      folder: (files) => this.take(files),
      address: (text) => this.look(text),
      webcam: () => {
        if (this.filming.isOn) this.stopWebcam();
        else this.startWebcam().catch(() => undefined);
      },
      turn: () => this.filming.turn(),
      paste: () => this.handover.readClipboard(),
      threshold: (value) => {
        this.display.threshold = value;
        this.present();
      },
    });
    this.settings = this.read();
    this.display = new Display(
      this.view,
      () => this.settings,
      () => ({ task: this.task, model: this.holder.name }),
    );
    this.holder = new ModelHolder(
      () => this.connection,
      () => this.settings,
      () => this.isConnected,
      {
        opening: () => this.status.opening(),
        progress: (progress) => {
          this.status.progress(progress);
          this.tell('progress', progress, false);
        },
        ready: (model) => {
          this.status.ready(model);
          this.tell('ready', this.readyDetail(model), true);
          this.checkLabels();
        },
        recovered: ({ runtime, device }, reason) => {
          this.status.recovered();
          this.tell('recovered', { reason: errorDetail(reason), runtime, device }, true);
        },
      },
    );
    this.status = new ModelStatus(this.view, () => this.holder.name);
    this.filming = new Filming({
      ask: (frame) => this.holder.ask(frame),
      draw: ({ video, width, height }) => this.display.draw(video, width, height),
      answered: ({ video }, answer, speak) => {
        this.display.shown = { source: video, again: video, answer };
        this.present({ speak });
      },
      failed: (error) => {
        this.stopWebcam();
        this.fail(error);
      },
      changed: (on, mayTurn) => this.view.filming(on, mayTurn),
    });
    this.handover = new Handover(this, {
      takes: (way) => this.settings.sources.has(way),
      hovering: (on) => this.view.dropping(on),
      picture: (picture) => this.look(picture),
      address: (text) => this.look(text),
      folder: (files) => this.take(files),
      failed: (error) => this.fail(error),
    });
  }

  connectedCallback(): void {
    this.takeOver(properties);
    this.view.connect(true);
    this.handover.connect(true);
    this.refresh();
    this.schedule();
  }

  disconnectedCallback(): void {
    this.view.connect(false);
    this.handover.connect(false);
    // Moving an element takes it off the page for a moment.
    setTimeout(() => {
      if (this.isConnected) return;
      this.asked++;
      this.unanswered ??= this.pending;
      this.pending = undefined;
      this.fetching?.abort();
      this.stopWebcam();
      this.letGo();
      this.view.say('');
    });
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after) return;
    this.settings = this.read();
    if (this.failed && isOfAttribute(this.failed)) this.showFailure(undefined);
    if (name === 'threshold') this.display.threshold = undefined;
    if (name === 'model') this.holder.chosen = undefined;
    if (name === 'src') this.looked = undefined;
    const another = modelAttributes.includes(name);
    if (another) this.letGo();
    if (!this.isConnected) return;
    this.refresh();
    const again = name === 'labels' && this.holder.opened?.task.startsWith('zero-shot') === true;
    if (another || again || name === 'src' || name === 'preload') this.schedule(another || again);
    else this.present();
    if (name === 'labels') this.checkLabels();
  }

  /** Opens the model now. Resolves with what `ready` tells. */
  async load(): Promise<ReadyDetail> {
    try {
      return this.readyDetail(await this.holder.open());
    } catch (error) {
      throw this.fail(error);
    }
  }

  /**
   * Looks at a picture, shows it, and resolves with what `prediction` tells. A bitmap, canvas, video or `<img>` is looked
   * at as it is now. Rejects with the error that `error` tells as well.
   */
  async predict(picture: Picture): Promise<PredictionDetail> {
    const turn = ++this.asked;
    this.fetching?.abort();
    const fetching = new AbortController();
    this.fetching = fetching;
    this.pending = picture;
    this.unanswered = undefined;
    this.endCamera();
    this.showFailure(undefined);
    try {
      const isAddress = typeof picture === 'string' || picture instanceof URL;
      const source = isAddress ? await fetchPicture(String(picture), fetching.signal) : picture;
      const looking = this.looking(turn);
      const looked = source instanceof Blob ? lookAtFile(source, looking) : lookAtDrawable(source, looking);
      const { answer, again, bitmap } = await looked;
      if (turn !== this.asked) return this.display.detail(answer);
      this.pending = undefined;
      this.display.shown = { source: bitmap, again, answer };
      return this.present() ?? this.display.detail(answer);
    } catch (error) {
      if (turn === this.asked && !fetching.signal.aborted) {
        this.pending = undefined;
        if (!isOfPicture(error)) this.unanswered = picture;
        throw this.fail(error);
      }
      throw error;
    }
  }

  /** What a look needs; only the newest picture is shown. */
  private looking(turn: number): Looking {
    return {
      isReady: this.holder.opened !== undefined,
      ask: (picture) => this.holder.ask(picture),
      showAlone: (bitmap) => {
        if (turn === this.asked) this.display.alone(bitmap);
      },
    };
  }

  /** Looks at what the camera sees until `stopWebcam`, a picture, or the end of the camera. */
  async startWebcam(): Promise<void> {
    const turn = ++this.asked;
    this.pending = undefined;
    this.unanswered = undefined;
    this.endCamera();
    this.showFailure(undefined);
    let camera: Camera;
    try {
      camera = await Camera.open(this.settings.facing, () => this.stopWebcam());
    } catch (error) {
      throw this.fail(error);
    }
    if (turn !== this.asked || !this.isConnected) {
      camera.close();
      return;
    }
    this.display.shown = undefined;
    this.filming.begin(camera);
  }

  /** The last frame stays. */
  stopWebcam(): void {
    const { shown } = this.display;
    const camera = this.filming.end();
    if (!camera) return;
    const turn = this.asked;
    camera
      .frame()
      .then((bitmap) => {
        if (turn !== this.asked || !shown) return;
        this.display.shown = { source: bitmap, again: bitmap, answer: shown.answer };
        this.present({ tell: false });
      })
      .catch(() => undefined)
      .finally(() => camera.close());
  }

  get model(): string {
    return this.settings.model;
  }
  set model(value: string | null | undefined) {
    this.mirror('model', value);
  }

  get task(): string {
    return this.holder.opened?.task ?? this.settings.task ?? '';
  }
  set task(value: string | null | undefined) {
    this.mirror('task', value);
  }

  get src(): string {
    return this.getAttribute('src') ?? '';
  }
  set src(value: string | null | undefined) {
    this.mirror('src', value);
  }

  /** The files of a model's folder, as a file input or a drop gives them; `path` is that inside of the folder. */
  set modelFiles(files: Iterable<File | FolderFile>) {
    const list = [...files].map((file) =>
      file instanceof File ? { path: file.webkitRelativePath || file.name, file } : file,
    );
    this.take(list);
  }

  /** What the shared worker holds; undefined while there is none. */
  workerState(): Promise<WorkerState | undefined> {
    return this.connection.state();
  }

  private get connection(): WidgetConnection {
    return WidgetConnection.shared(OcelliPredict.workerAddress, OcelliPredict.parts);
  }

  /** Another model, or none. */
  private letGo(): void {
    this.holder.letGo();
    this.status.gone();
  }

  /** A folder of this machine instead of the attribute. */
  private take(files: readonly FolderFile[]): void {
    this.showFailure(undefined);
    try {
      this.holder.chosen = placeOfFiles(files);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.letGo();
    this.refresh();
    if (this.display.shown || this.unanswered !== undefined) this.schedule(true);
    else this.load().catch(() => undefined);
  }

  /** Attributes that change together are looked at together. */
  private schedule(again = false): void {
    this.repeat ||= again;
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      const repeat = this.repeat;
      this.repeat = false;
      if (!this.isConnected) return;
      if (!this.holder.isNamed) return;
      const { src } = this;
      // What is being looked at, and what a camera sees, gets its answer from the model as it is then.
      const isLooking = this.pending !== undefined || this.filming.isOn;
      const again = this.unanswered ?? (repeat && !isLooking ? this.display.shown?.again : undefined);
      if (src !== '' && this.looked !== src) {
        this.looked = src;
        this.look(src);
      } else if (again !== undefined) this.look(again);
      else if (isLooking) return;
      else if (this.settings.preload) this.load().catch(() => undefined);
    });
  }

  /** For people: what goes wrong is shown and told as an event. */
  private look(picture: Picture): void {
    this.predict(picture).catch(() => undefined);
  }

  private endCamera(): void {
    this.filming.end()?.close();
  }

  /** Shows the answer as the settings choose, and tells it. */
  private present({ tell = true, speak = true } = {}): PredictionDetail | undefined {
    const detail = this.display.present({ live: this.filming.isOn, speak });
    if (detail && this.holder.opened) this.status.describe(this.holder.opened, this.display.shown?.answer);
    if (detail && tell) this.tell('prediction', detail, true);
    return detail;
  }

  private readyDetail({ task, classes, runtime, device, path }: HeldModel): ReadyDetail {
    return { model: this.holder.name, task, classes, runtime, device, path };
  }

  private showFailure(error: OcelliError | undefined): void {
    this.failed = error;
    this.view.fail(error);
  }

  /** Shows and tells it; what was given up, because nobody waits for it, is no failure. */
  private fail(reason: unknown): Error {
    if (isGivenUp(reason)) return reason;
    const error = asOurs(reason);
    this.showFailure(error);
    this.view.say('');
    this.view.loading(undefined);
    this.tell('error', errorDetail(error), false);
    return error;
  }

  private read(): Settings {
    const { settings, problems } = readSettings((name) => this.getAttribute(name));
    this.problems = problems;
    return settings;
  }

  private checkLabels(): void {
    const { opened } = this.holder;
    const problem = opened && unknownLabels(this.settings.labels, opened.classes);
    if (problem) this.fail(problem);
  }

  private refresh(): void {
    this.view.offer(this.settings.sources, !this.holder.isNamed);
    for (const problem of this.problems) if (!this.told.has(problem.message)) this.fail(problem);
    this.told = new Set(this.problems.map(({ message }) => message));
  }
}
