/** What people drop on an element, or paste while it is theirs: a picture, its address, the folder of a model. */
import { type FolderFile, handedOver, pictureOfClipboard } from './transfer.ts';

export interface HandoverActions {
  /** Whether this way in is offered now. */
  takes(way: 'drop' | 'paste'): boolean;
  /** Something hovers over the element. */
  hovering(on: boolean): void;
  picture(picture: Blob): void;
  address(text: string): void;
  folder(files: readonly FolderFile[]): void;
  failed(error: unknown): void;
}

/** Those on a page now, wherever they are in it: also below the shadow roots of other elements. */
const present = new Set<Handover>();

export class Handover {
  /** The one that the element is in: it may be moved to that of a frame. */
  private document: Document | undefined;

  constructor(
    private readonly element: HTMLElement,
    private readonly actions: HandoverActions,
  ) {
    for (const type of ['dragover', 'dragleave', 'drop'] as const) {
      element.addEventListener(type, (event) => this.onDrag(event as DragEvent));
    }
  }

  /** While the element is on a page. */
  connect(connected: boolean): void {
    this.document?.removeEventListener('paste', this.onPaste);
    this.document = connected ? this.element.ownerDocument : undefined;
    this.document?.addEventListener('paste', this.onPaste);
    if (connected) present.add(this);
    else present.delete(this);
  }

  /** By a button, where there are no keys for it: the browser asks whether the page may. */
  readClipboard(): void {
    pictureOfClipboard()
      .then((picture) => this.actions.picture(picture))
      .catch((error: unknown) => this.actions.failed(error));
  }

  private onDrag(event: DragEvent): void {
    if (!this.actions.takes('drop') || !event.dataTransfer) return;
    event.preventDefault();
    this.actions.hovering(event.type === 'dragover');
    if (event.type === 'drop') this.receive(event.dataTransfer);
  }

  /** Pasted while the widget has the focus or the pointer, or where it is the only one. */
  private readonly onPaste = (event: ClipboardEvent): void => {
    if (event.defaultPrevented || !event.clipboardData || !this.actions.takes('paste')) return;
    const [target] = event.composedPath();
    if (target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]')) return;
    if (present.size > 1 && !this.element.matches(':hover, :focus-within')) return;
    this.receive(event.clipboardData);
  };

  private receive(data: DataTransfer): void {
    handedOver(data)
      .then((handed) => {
        if (handed?.kind === 'folder') this.actions.folder(handed.files);
        else if (handed?.kind === 'picture') this.actions.picture(handed.picture);
        else if (handed?.kind === 'address') this.actions.address(handed.address);
      })
      .catch((error: unknown) => this.actions.failed(error));
  }
}
