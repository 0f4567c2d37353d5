/**
 * The attributes of `<ocelli-predict>` as properties too: frameworks set a property wherever there is one (`labels` as a list,
 * `threshold` as a number). Each mirrors its attribute, which stays the one place where a value is kept; undefined or null takes
 * it away.
 */
import { TypedElement } from './typed-element.ts';

/** What a property takes: what it means, or the attribute's text, or nothing. */
type Given<Value> = Value | string | null | undefined;

/** The properties of this class. */
export const mirroredNames = [
  'threshold',
  'topK',
  'labels',
  'sources',
  'device',
  'dtype',
  'record',
  'preload',
  'hub',
  'facing',
  'maxMegabytes',
] as const;

export class ElementWithProperties extends TypedElement {
  /** Objects and classes with a score above this are shown, 0 … 1. */
  get threshold(): number | undefined {
    return this.numberOf('threshold');
  }
  set threshold(value: Given<number>) {
    this.mirror('threshold', value);
  }

  /** How many classes are shown. */
  get topK(): number | undefined {
    return this.numberOf('top-k');
  }
  set topK(value: Given<number>) {
    this.mirror('top-k', value);
  }

  /** Only these are shown; for zero-shot models the classes to tell apart. A text has commas between them. */
  get labels(): readonly string[] {
    return this.wordsOf('labels', ',');
  }
  set labels(value: Given<readonly string[]>) {
    this.mirror('labels', typeof value === 'object' ? value?.join(', ') : value);
  }

  /** Ways in that are offered, of `file drop paste url webcam`. */
  get sources(): readonly string[] {
    return this.wordsOf('sources', /[\s,]+/);
  }
  set sources(value: Given<readonly string[]>) {
    this.mirror('sources', typeof value === 'object' ? value?.join(' ') : value);
  }

  get device(): string {
    return this.getAttribute('device') ?? '';
  }
  set device(value: 'auto' | 'webgpu' | 'wasm' | null | undefined) {
    this.mirror('device', value);
  }

  get dtype(): string {
    return this.getAttribute('dtype') ?? '';
  }
  set dtype(value: 'fp32' | 'fp16' | null | undefined) {
    this.mirror('dtype', value);
  }

  /** Whether a model may be recorded on the GPU and replayed. */
  get record(): boolean {
    return this.hasAttribute('record');
  }
  set record(value: boolean | null | undefined) {
    this.mirror('record', value ? '' : undefined);
  }

  get preload(): string {
    return this.getAttribute('preload') ?? '';
  }
  set preload(value: 'none' | 'model' | null | undefined) {
    this.mirror('preload', value);
  }

  /** The camera that is opened first. */
  get facing(): string {
    return this.getAttribute('facing') ?? '';
  }
  set facing(value: 'environment' | 'user' | null | undefined) {
    this.mirror('facing', value);
  }

  get hub(): string {
    return this.getAttribute('hub') ?? '';
  }
  set hub(value: Given<string>) {
    this.mirror('hub', value);
  }

  /** Larger files are refused. */
  get maxMegabytes(): number | undefined {
    return this.numberOf('max-megabytes');
  }
  set maxMegabytes(value: Given<number>) {
    this.mirror('max-megabytes', value);
  }

  private numberOf(name: string): number | undefined {
    const text = this.getAttribute(name)?.trim();
    const value = Number(text);
    return text === undefined || text === '' || Number.isNaN(value) ? undefined : value;
  }

  private wordsOf(name: string, between: string | RegExp): string[] {
    const words = (this.getAttribute(name) ?? '').split(between).map((word) => word.trim());
    return words.filter((word) => word !== '');
  }
}
