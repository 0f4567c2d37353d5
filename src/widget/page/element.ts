/**
 * `<ocelli-predict model="…">`: a model on a page. Nothing is loaded until there is a picture to look at (or
 * `preload="model"`, or a call of `load`). The element holds what it shows; the shared worker does the work.
 */
import { OcelliError, RunError } from '../../core/index.ts';
import { placeOfFiles } from '../model-place.ts';
import type { Answer, Finding, Progress, WorkerState } from '../protocol.ts';
import { Camera } from './camera.ts';
import { type HeldModel, WidgetConnection } from './connection.ts';
import type { ErrorDetail, OcelliPredictEventMap, PredictionDetail, ReadyDetail } from './events.ts';
import { chosenFindings, summary } from './findings.ts';
import { ModelHolder } from './model-holder.ts';
import { attributeNames, modelAttributes, readSettings, type Settings } from './settings.ts';
import { bitmapOf, type FolderFile, fetchPicture, handedOver } from './transfer.ts';
import { View } from './view.ts';

/** What can be looked at: a file, an address, or anything that the page can draw. */
export type Picture = Blob | string | URL | ImageBitmapSource;

interface Shown {
  readonly source: CanvasImageSource;
  /** For another look, by another model. */
  readonly again: Blob | ImageBitmap | HTMLVideoElement;
  readonly answer: Answer;
}

const defaultThreshold = 0.5;
/** Milliseconds after which a picture is shown without its answer. */
const patience = 150;

export class OcelliPredict extends HTMLElement {
  static readonly observedAttributes: readonly string[] = attributeNames;
  /** Where the worker's file lies; whoever defines the element sets it. */
  static workerAddress = '';

  private readonly view: View;
  private settings: Settings;
  private readonly holder: ModelHolder;
  private shown: Shown | undefined;
  private camera: Camera | undefined;
  /** Set by the slider; the attribute, when it changes, wins. */
  private threshold: number | undefined;
  /** Counts pictures: an answer that comes after a newer picture is not shown. */
  private asked = 0;
  private fetching: AbortController | undefined;
  private scheduled = false;
  private repeat = false;
  /** The value of `src` that was looked at. */
  private looked: string | undefined;
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
        if (this.camera) this.stopWebcam();
        else this.startWebcam().catch(() => undefined);
      },
      threshold: (value) => {
        this.threshold = value;
        this.present();
      },
    });
    this.settings = this.read();
    this.holder = new ModelHolder(
      () => this.connection,
      () => this.settings,
      () => this.isConnected,
      {
        opening: () => {
          this.view.loading('unknown');
          this.view.say('Loading the model …');
        },
        progress: (progress) => this.onProgress(progress),
        ready: (model) => {
          this.view.loading(undefined);
          this.view.say('The model is ready.');
          this.describe(model);
          this.tell('ready', this.readyDetail(model), true);
        },
      },
    );
    for (const type of ['dragover', 'dragleave', 'drop'] as const) {
      super.addEventListener(type, (event) => this.onDrag(event as DragEvent));
    }
  }

  connectedCallback(): void {
    this.view.connect(true);
    document.addEventListener('paste', this.onPaste);
    this.refresh();
    this.schedule();
  }

  disconnectedCallback(): void {
    this.view.connect(false);
    document.removeEventListener('paste', this.onPaste);
    // Moving an element takes it off the page for a moment.
    setTimeout(() => {
      if (this.isConnected) return;
      this.asked++;
      this.fetching?.abort();
      this.stopWebcam();
      this.letGo();
    });
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after) return;
    this.settings = this.read();
    if (name === 'threshold') this.threshold = undefined;
    if (name === 'model') this.holder.chosen = undefined;
    if (name === 'src') this.looked = undefined;
    const another = modelAttributes.includes(name);
    if (another) this.letGo();
    if (!this.isConnected) return;
    this.refresh();
    const again = name === 'labels' && this.holder.opened?.task.startsWith('zero-shot') === true;
    if (another || again || name === 'src' || name === 'preload') this.schedule(another || again);
    else this.present();
  }

  /** Opens the model now. Resolves with what `ready` tells. */
  async load(): Promise<ReadyDetail> {
    try {
      return this.readyDetail(await this.holder.open());
    } catch (error) {
      this.fail(error);
      throw error;
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
    this.endCamera();
    this.view.fail(undefined);
    try {
      const isAddress = typeof picture === 'string' || picture instanceof URL;
      const source = isAddress ? await fetchPicture(String(picture), fetching.signal) : picture;
      const bitmap = source instanceof Blob ? await bitmapOf(source) : await createImageBitmap(source);
      // A quick answer comes with its picture: drawing it twice costs as much as a small model.
      const alone = setTimeout(() => {
        if (turn === this.asked) this.showAlone(bitmap);
      }, patience);
      const sent = source instanceof Blob ? source : await createImageBitmap(bitmap);
      const answer = await this.holder.ask(sent).finally(() => clearTimeout(alone));
      if (turn !== this.asked) return this.detail(answer);
      this.shown = { source: bitmap, again: source instanceof Blob ? source : bitmap, answer };
      return this.present() ?? this.detail(answer);
    } catch (error) {
      if (turn === this.asked && !fetching.signal.aborted) this.fail(error);
      throw error;
    }
  }

  /** Looks at what the camera sees until `stopWebcam`, a picture, or the end of the camera. */
  async startWebcam(): Promise<void> {
    const turn = ++this.asked;
    this.endCamera();
    this.view.fail(undefined);
    let camera: Camera;
    try {
      camera = await Camera.open(() => this.stopWebcam());
    } catch (error) {
      this.fail(error);
      throw error;
    }
    if (turn !== this.asked || !this.isConnected) {
      camera.close();
      return;
    }
    this.camera = camera;
    this.shown = undefined;
    this.view.filming(true);
    void this.film(camera);
  }

  /** The last frame stays. */
  stopWebcam(): void {
    const { camera, shown } = this;
    this.camera = undefined;
    this.view.filming(false);
    if (!camera) return;
    const turn = this.asked;
    camera
      .frame()
      .then((bitmap) => {
        if (turn !== this.asked || !shown) return;
        this.shown = { source: bitmap, again: bitmap, answer: shown.answer };
        this.present({ tell: false });
      })
      .catch(() => undefined)
      .finally(() => camera.close());
  }

  /** Typed: `error` is ours, not that of scripts. */
  override addEventListener<Name extends keyof OcelliPredictEventMap>(
    type: Name,
    listener: (this: OcelliPredict, event: OcelliPredictEventMap[Name]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: unknown,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListener, options);
  }

  get model(): string {
    return this.settings.model;
  }
  set model(value: string) {
    this.setAttribute('model', value);
  }

  get task(): string {
    return this.holder.opened?.task ?? this.settings.task ?? '';
  }
  set task(value: string) {
    this.setAttribute('task', value);
  }

  get src(): string {
    return this.getAttribute('src') ?? '';
  }
  set src(value: string) {
    this.setAttribute('src', value);
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
    return WidgetConnection.shared(OcelliPredict.workerAddress);
  }

  /** Another model, or none. */
  private letGo(): void {
    this.holder.letGo();
    this.view.loading(undefined);
    this.view.describe('');
  }

  /** A folder of this machine instead of the attribute. */
  private take(files: readonly FolderFile[]): void {
    this.view.fail(undefined);
    try {
      this.holder.chosen = placeOfFiles(files);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.letGo();
    this.refresh();
    if (this.shown) this.schedule(true);
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
      const { src } = this;
      const hasModel = this.holder.isNamed;
      if (src !== '' && this.looked !== src && hasModel) {
        this.looked = src;
        this.look(src);
      } else if (repeat && hasModel && this.shown) this.look(this.shown.again);
      else if (this.settings.preload && hasModel) this.load().catch(() => undefined);
    });
  }

  /** For people: what goes wrong is shown and told as an event. */
  private look(picture: Picture): void {
    this.predict(picture).catch(() => undefined);
  }

  private async film(camera: Camera): Promise<void> {
    const draw = (): void => {
      if (this.camera !== camera) return;
      this.drawScene(camera.video, camera.width, camera.height);
      requestAnimationFrame(draw);
    };
    draw();
    let said = 0;
    while (this.camera === camera) {
      try {
        const answer = await this.holder.ask(await camera.frame());
        if (this.camera !== camera) return;
        this.shown = { source: camera.video, again: camera.video, answer };
        // A voice that reads ten sentences a second is none.
        const speak = performance.now() - said > 3000;
        if (speak) said = performance.now();
        this.present({ speak });
      } catch (error) {
        if (this.camera !== camera) return;
        this.stopWebcam();
        this.fail(error);
      }
    }
  }

  private endCamera(): void {
    const { camera } = this;
    this.camera = undefined;
    camera?.close();
    this.view.filming(false);
  }

  /** The picture before its answer is there. */
  private showAlone(bitmap: ImageBitmap): void {
    this.shown = undefined;
    const { width, height } = bitmap;
    this.view.findings([], undefined);
    this.view.say('Looking …');
    this.view.picture({ source: bitmap, width, height, findings: [] }, 'The picture');
  }

  /** Shows the answer as the settings choose, and tells it. */
  private present({ tell = true, speak = true } = {}): PredictionDetail | undefined {
    const { shown } = this;
    if (!shown) return undefined;
    const { answer, source } = shown;
    const detail = this.detail(answer);
    const objects = answer.findings.some(({ box }) => box !== undefined);
    this.view.thresholdAt(objects || this.task.includes('detection') ? this.lowest : undefined);
    this.view.findings(detail.findings, answer);
    if (this.camera === undefined) this.drawScene(source, answer.width, answer.height);
    const text = summary(answer, detail.findings);
    if (speak) this.view.say(text);
    if (this.holder.opened) this.describe(this.holder.opened, answer);
    if (tell) this.tell('prediction', detail, true);
    return detail;
  }

  private drawScene(source: CanvasImageSource, width: number, height: number): void {
    const answer = this.shown?.answer;
    const findings = answer ? this.choose(answer) : [];
    const scene = {
      source,
      width,
      height,
      findings,
      ...(answer?.picture ? { picture: answer.picture } : {}),
    };
    this.view.picture(scene, answer ? `The picture. ${summary(answer, findings)}` : 'The picture');
  }

  private get lowest(): number {
    return this.threshold ?? this.settings.threshold ?? defaultThreshold;
  }

  private choose(answer: Answer): Finding[] {
    const threshold = this.threshold ?? this.settings.threshold;
    // What a zero-shot model was asked for is what it found.
    const labels = this.task.startsWith('zero-shot') ? [] : this.settings.labels;
    return chosenFindings(answer, { ...this.settings, threshold, labels });
  }

  private detail(answer: Answer): PredictionDetail {
    const { width, height, times, output } = answer;
    return {
      ...{ task: this.task, model: this.holder.name, width, height, findings: this.choose(answer), times },
      ...(output === undefined ? {} : { output }),
    };
  }

  private readyDetail({ task, classes, runtime, device, path }: HeldModel): ReadyDetail {
    return { model: this.holder.name, task, classes, runtime, device, path };
  }

  private describe({ runtime }: HeldModel, answer?: Answer): void {
    const time = answer ? ` · ${Math.round(answer.times.total)} ms` : '';
    this.view.describe(
      `${this.holder.name.replace(/\/$/, '').split('/').slice(-2).join('/')} · ${runtime}${time}`,
    );
  }

  private onProgress(progress: Progress): void {
    const { phase, received, total, file, cached } = progress;
    this.view.loading(phase === 'model' && total && received !== undefined ? received / total : 'unknown');
    if (phase === 'runtime') this.view.say('Starting the model …');
    else if (file?.endsWith('.onnx') && !cached) {
      this.view.say(total ? `Loading the model, ${(total / 1e6).toFixed(1)} MB …` : 'Loading the model …');
    }
    this.tell('progress', progress, false);
  }

  private fail(reason: unknown): void {
    const error = reason instanceof OcelliError ? reason : unexpected(reason);
    this.view.fail(error);
    this.view.say('');
    const { code, message, expected, received, hint: fix } = error;
    this.tell('error', { code, message, expected, received, fix, error } satisfies ErrorDetail, false);
  }

  private tell<Name extends keyof OcelliPredictEventMap>(
    type: Name,
    detail: OcelliPredictEventMap[Name]['detail'],
    bubbles: boolean,
  ): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles, composed: bubbles }));
  }

  private read(): Settings {
    const { settings, problems } = readSettings((name) => this.getAttribute(name));
    this.problems = problems;
    return settings;
  }

  private refresh(): void {
    this.view.offer(this.settings.sources, !this.holder.isNamed);
    for (const problem of this.problems) if (!this.told.has(problem.message)) this.fail(problem);
    this.told = new Set(this.problems.map(({ message }) => message));
  }

  private onDrag(event: DragEvent): void {
    const takes = this.settings.sources.has('drop');
    if (!takes || !event.dataTransfer) return;
    event.preventDefault();
    this.view.dropping(event.type === 'dragover');
    if (event.type !== 'drop') return;
    this.receive(event.dataTransfer);
  }

  /** Pasted while the widget has the focus or the pointer, or where it is the only one. */
  private readonly onPaste = (event: ClipboardEvent): void => {
    if (event.defaultPrevented || !event.clipboardData || !this.settings.sources.has('paste')) return;
    const [target] = event.composedPath();
    if (target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]')) return;
    const alone = document.querySelectorAll(this.localName).length === 1;
    if (!alone && !this.matches(':hover, :focus-within')) return;
    this.receive(event.clipboardData);
  };

  private receive(data: DataTransfer): void {
    handedOver(data)
      .then((handed) => {
        if (handed?.kind === 'folder') this.take(handed.files);
        else if (handed?.kind === 'picture') this.look(handed.picture);
        else if (handed?.kind === 'address') this.look(handed.address);
      })
      .catch((error: unknown) => this.fail(error));
  }
}

function unexpected(reason: unknown): RunError {
  return new RunError({
    code: 'widget_failed',
    expected: 'an answer of the model',
    received: reason instanceof Error ? reason.message : String(reason),
    fix: "try again; if it happens again, tell the page's author",
    cause: reason,
  });
}
