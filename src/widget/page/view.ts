/**
 * What is inside of the element's shadow root: a stage for the picture, buttons, the list of findings, a line of status.
 * It draws what it is told and reports what people do; it knows nothing of models.
 */
import type { OcelliError } from '../../core/index.ts';
import type { Answer, Finding } from '../protocol.ts';
import { icon, make, show } from './dom.ts';
import { colorOf, drawScene, type Scene } from './draw.ts';
import { percent } from './findings.ts';
import type { SourceName } from './settings.ts';
import { chosenFolder, type FolderFile } from './transfer.ts';
import css from './widget.css?inline';

export interface ViewActions {
  picture(file: File): void;
  folder(files: FolderFile[]): void;
  address(text: string): void;
  webcam(): void;
  /** The other camera of the device. */
  turn(): void;
  /** What is copied, on devices without keys for it. */
  paste(): void;
  threshold(value: number): void;
}

const sheets = new WeakMap<Document, CSSStyleSheet>();

/**
 * One sheet for all elements of a document, made by script: no page has to allow inline styles for it. A sheet counts only in
 * the document that made it; an element may be moved to another one (a frame, a picture-in-picture window).
 */
function stylesOf(document: Document): CSSStyleSheet {
  let sheet = sheets.get(document);
  if (!sheet) {
    sheet = new (document.defaultView ?? window).CSSStyleSheet();
    sheet.replaceSync(css);
    sheets.set(document, sheet);
  }
  return sheet;
}

export class View {
  readonly stage = make('div', {
    class: 'stage',
    part: 'stage',
    role: 'group',
    tabindex: '0',
    'aria-label': 'Picture',
  });
  private readonly canvas = make('canvas', { part: 'canvas', role: 'img' });
  private readonly emptyTitle = make('strong');
  private readonly emptyHint = make('span');
  private readonly empty = make(
    'div',
    { class: 'empty', part: 'empty' },
    icon('picture'),
    this.emptyTitle,
    this.emptyHint,
  );
  private readonly progress = make('progress', {
    part: 'progress',
    'aria-label': 'Loading the model',
    max: '1',
  });
  private readonly error = make('div', { class: 'error', part: 'error', role: 'alert' });
  private readonly choose = button('main', 'picture', 'Choose picture');
  private readonly cameraButton = button('', 'camera', 'Webcam');
  private readonly turnButton = button('', 'turn', 'Other camera');
  private readonly pasteButton = button('', 'paste', 'Paste');
  private readonly addressButton = button('', 'link', 'Address');
  private readonly folderButton = button('', 'folder', 'Choose model folder');
  private readonly addressInput = make('input', {
    type: 'url',
    placeholder: 'https://…/picture.jpg',
    'aria-label': 'Address of a picture',
    part: 'input',
  });
  private readonly addressForm = make(
    'form',
    { class: 'address' },
    this.addressInput,
    make('button', { type: 'submit', part: 'button' }, 'Look'),
  );
  private readonly slider = make('input', { type: 'range', min: '0', max: '1', step: '0.01' });
  private readonly sliderValue = make('span', { class: 'value', 'aria-hidden': 'true' });
  private readonly threshold = make(
    'label',
    { class: 'threshold', part: 'threshold' },
    'Threshold',
    this.slider,
    this.sliderValue,
  );
  private readonly list = make('ul', { class: 'results', part: 'results', 'aria-label': 'Findings' });
  private readonly status = make('span', { class: 'status', part: 'status', role: 'status' });
  private readonly about = make('span', { class: 'about', part: 'about' });
  private readonly file = make('input', {
    type: 'file',
    accept: 'image/*',
    'aria-label': 'Picture',
    tabindex: '-1',
  });
  private readonly folder = make('input', {
    type: 'file',
    webkitdirectory: '',
    'aria-label': 'Folder of a model',
    tabindex: '-1',
  });
  private readonly resized: ResizeObserver;
  private scene: Scene | undefined;
  private rows: { readonly findings: readonly Finding[]; readonly answer: Answer | undefined } | undefined;
  private frame: number | undefined;
  private isFilming = false;

  constructor(
    private readonly root: ShadowRoot,
    private readonly actions: ViewActions,
  ) {
    this.stage.append(this.empty, this.canvas, this.progress);
    const toolbar = make(
      'div',
      { class: 'toolbar', part: 'toolbar' },
      ...[
        this.choose,
        this.cameraButton,
        this.turnButton,
        this.pasteButton,
        this.addressButton,
        this.folderButton,
        this.threshold,
        this.addressForm,
      ],
    );
    for (const input of [this.file, this.folder]) show(input, false);
    for (const part of [
      this.canvas,
      this.progress,
      this.error,
      this.addressForm,
      this.threshold,
      this.list,
      this.turnButton,
    ]) {
      show(part, false);
    }
    root.append(
      make(
        'div',
        { class: 'frame', part: 'frame' },
        ...[this.stage, toolbar, this.error, this.list],
        make('div', { class: 'foot', part: 'foot' }, this.status, this.about),
        ...[this.file, this.folder],
      ),
    );
    this.listen();
    this.resized = new ResizeObserver(() => this.scheduleFrame());
  }

  /** While the element is on a page. */
  connect(connected: boolean): void {
    if (!connected) {
      this.resized.disconnect();
      return;
    }
    this.root.adoptedStyleSheets = [stylesOf(this.root.ownerDocument)];
    this.resized.observe(this.stage);
  }

  /** Which ways in are offered. */
  offer(sources: ReadonlySet<SourceName>, needsModel: boolean): void {
    show(this.choose, sources.has('file'));
    if (sources.has('file')) this.stage.setAttribute('aria-description', 'Enter chooses a picture');
    else this.stage.removeAttribute('aria-description');
    show(this.cameraButton, sources.has('webcam'));
    show(this.pasteButton, sources.has('paste') && isTouched() && canReadClipboard());
    show(this.addressButton, sources.has('url'));
    if (!sources.has('url')) show(this.addressForm, false);
    show(this.folderButton, needsModel);
    this.emptyTitle.textContent = needsModel
      ? 'No model yet'
      : isTouched() && sources.has('file')
        ? 'Choose a picture'
        : sources.has('drop')
          ? 'Drop a picture here'
          : 'No picture yet';
    this.empty.classList.toggle('pressable', !needsModel && sources.has('file'));
    const others = needsModel
      ? ['choose or drop the folder of a model with ONNX']
      : isTouched()
        ? []
        : [...(sources.has('paste') ? ['paste one'] : []), ...(sources.has('file') ? ['choose a file'] : [])];
    const hint = others.join(', or ');
    this.emptyHint.textContent = !needsModel && sources.has('drop') && hint !== '' ? `or ${hint}` : hint;
  }

  dropping(on: boolean): void {
    this.stage.classList.toggle('dropping', on);
  }

  /** 0 … 1, `unknown` for work without a measure, undefined for none. */
  loading(share: number | 'unknown' | undefined): void {
    show(this.progress, share !== undefined);
    if (typeof share === 'number') this.progress.value = share;
    else this.progress.removeAttribute('value');
  }

  /** Said politely to those who don't see it. */
  say(text: string): void {
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  /** The model and what computes it. */
  describe(text: string): void {
    this.about.textContent = text;
  }

  fail(error: OcelliError | undefined): void {
    show(this.error, error !== undefined);
    if (!error) return;
    this.error.replaceChildren(
      make('strong', {}, capital(`Expected ${error.expected}.`)),
      `Received: ${error.received}. `,
      make('span', {}, `${capital(error.hint)}.`),
      ...(error.problems.length > 0
        ? [make('ul', {}, ...error.problems.map((line) => make('li', {}, line)))]
        : []),
    );
  }

  /** @param mayTurn whether there is another camera */
  filming(on: boolean, mayTurn: boolean): void {
    this.isFilming = on;
    this.cameraButton.replaceChildren(icon(on ? 'stop' : 'camera'), on ? 'Stop webcam' : 'Webcam');
    show(this.turnButton, on && mayTurn);
  }

  /** The slider is for objects only. */
  thresholdAt(value: number | undefined): void {
    show(this.threshold, value !== undefined);
    if (value === undefined) return;
    this.slider.value = String(value);
    this.sliderValue.textContent = value.toFixed(2);
  }

  /** Drawn with the next frame, as the findings are: pages that ask faster than screens show are not held up by it. */
  picture(scene: Scene | undefined, label: string): void {
    this.scene = scene;
    show(this.canvas, scene !== undefined);
    show(this.empty, scene === undefined);
    this.canvas.setAttribute('aria-label', label);
    this.scheduleFrame();
  }

  findings(findings: readonly Finding[], answer: Answer | undefined): void {
    this.rows = { findings, answer };
    this.scheduleFrame();
  }

  private scheduleFrame(): void {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
      this.fillList();
    });
  }

  private fillList(): void {
    const { rows } = this;
    // While a camera runs, whoever points at a row does not lose it.
    if (!rows || (this.isFilming && this.list.matches(':hover, :focus-within'))) return;
    this.rows = undefined;
    const { findings, answer } = rows;
    show(this.list, findings.length > 0);
    const places = findings.some(({ box, mask }) => box !== undefined || mask !== undefined);
    this.list.replaceChildren(...findings.slice(0, 100).map((finding) => this.row(finding, places, answer)));
  }

  private draw(): void {
    const { scene } = this;
    if (!scene || scene.width === 0 || scene.height === 0) return;
    const style = getComputedStyle(this.stage);
    const room = this.stage.clientWidth;
    const highest =
      Number.parseFloat(style.getPropertyValue('--ocelli-max-height')) || window.innerHeight * 0.7;
    // Small pictures are enlarged, so that labels can be read.
    const width = Math.min(room, (highest * scene.width) / scene.height);
    if (width <= 0) return;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${(width * scene.height) / scene.width}px`;
    drawScene(this.canvas, scene, width, devicePixelRatio * (this.stage.currentCSSZoom ?? 1));
  }

  private row(finding: Finding, places: boolean, answer: Answer | undefined): HTMLLIElement {
    const color = colorOf(finding);
    const dot = make('span', { class: 'dot' });
    dot.style.background = color;
    const row = make(
      'li',
      { class: 'result', part: 'result' },
      dot,
      make('span', { class: 'name', title: finding.label }, finding.label),
      make('span', { class: 'score' }, percent(finding.score)),
    );
    if (places) {
      row.tabIndex = 0;
      const { box } = finding;
      const where = box && answer ? `, ${position(box, answer)}` : '';
      row.append(make('span', { class: 'unseen' }, where));
      const point = (on: boolean): void => {
        if (!this.scene) return;
        this.scene = { ...this.scene, highlighted: on ? finding : undefined };
        this.scheduleFrame();
      };
      for (const name of ['pointerenter', 'focus']) row.addEventListener(name, () => point(true));
      for (const name of ['pointerleave', 'blur']) row.addEventListener(name, () => point(false));
    } else if (finding.score !== undefined) {
      const share = make('span');
      share.style.width = `${finding.score * 100}%`;
      share.style.background = color;
      row.append(make('span', { class: 'bar', 'aria-hidden': 'true' }, share));
    }
    return row;
  }

  private listen(): void {
    const { actions, file, folder } = this;
    this.choose.addEventListener('click', () => file.click());
    this.folderButton.addEventListener('click', () => folder.click());
    file.addEventListener('change', () => {
      const [chosen] = file.files ?? [];
      if (chosen) actions.picture(chosen);
      file.value = '';
    });
    folder.addEventListener('change', () => {
      if (folder.files?.length) actions.folder(chosenFolder(folder.files));
      folder.value = '';
    });
    this.cameraButton.addEventListener('click', () => actions.webcam());
    this.turnButton.addEventListener('click', () => actions.turn());
    this.pasteButton.addEventListener('click', () => actions.paste());
    // People press the place that asks for a picture, on phones above all.
    this.empty.addEventListener('click', () => {
      if (this.empty.classList.contains('pressable')) file.click();
    });
    this.addressButton.setAttribute('aria-expanded', 'false');
    this.addressButton.addEventListener('click', () => {
      show(this.addressForm, this.addressForm.hidden !== false);
      this.addressButton.setAttribute('aria-expanded', String(!this.addressForm.hidden));
      if (!this.addressForm.hidden) this.addressInput.focus();
    });
    this.addressForm.addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.addressInput.value !== '') actions.address(this.addressInput.value);
    });
    this.slider.addEventListener('input', () => {
      this.sliderValue.textContent = Number(this.slider.value).toFixed(2);
      actions.threshold(Number(this.slider.value));
    });
    this.stage.addEventListener('keydown', (event) => {
      if (
        event.target === this.stage &&
        (event.key === 'Enter' || event.key === ' ') &&
        !this.choose.hidden
      ) {
        event.preventDefault();
        file.click();
      }
    });
  }
}

/** Fingers neither drop pictures nor press keys for pasting. */
const isTouched = (): boolean => matchMedia('(pointer: coarse)').matches;

const canReadClipboard = (): boolean =>
  typeof (navigator as { clipboard?: Partial<Clipboard> }).clipboard?.read === 'function';

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function button(kind: string, name: Parameters<typeof icon>[0], label: string): HTMLButtonElement {
  return make(
    'button',
    { type: 'button', class: kind, part: kind === 'main' ? 'button main-button' : 'button' },
    icon(name),
    label,
  );
}

/** Where a box lies, in words. */
function position(box: NonNullable<Finding['box']>, { width, height }: Answer): string {
  const across = (box.x + box.width / 2) / width;
  const down = (box.y + box.height / 2) / height;
  const word = (share: number, low: string, high: string): string =>
    share < 1 / 3 ? low : share > 2 / 3 ? high : 'middle';
  return `${word(down, 'top', 'bottom')} ${word(across, 'left', 'right')}`.replace('middle middle', 'middle');
}
