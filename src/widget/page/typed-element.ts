/** An element whose events are typed, and which takes over what a page has set before the script was there. */
import type { OcelliPredictEventMap } from './events.ts';

type Names = keyof OcelliPredictEventMap;

/** Servers that render a page load this module too, and have no elements: there the class is a name. */
const Base: typeof HTMLElement = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

export class TypedElement extends Base {
  constructor() {
    super();
    // What a page calls it (aria-label) names the whole.
    this.attachInternals().role = 'group';
  }

  /** Typed: `error` is ours, not that of scripts. */
  override addEventListener<Name extends Names>(
    type: Name,
    listener: (this: this, event: OcelliPredictEventMap[Name]) => unknown,
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

  protected tell<Name extends Names>(
    type: Name,
    detail: OcelliPredictEventMap[Name]['detail'],
    bubbles: boolean,
  ): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles, composed: bubbles }));
  }

  /** Frameworks set a property that has no value to null or undefined: there is no attribute then. */
  protected mirror(name: string, value: string | number | null | undefined): void {
    if (value === null || value === undefined) this.removeAttribute(name);
    else this.setAttribute(name, String(value));
  }

  /**
   * Until the script is there an element is any other, and a property that is set on it (`element.model = …`, as
   * frameworks do) lies in front of ours for ever: it is taken away and set again.
   */
  protected takeOver(names: readonly string[]): void {
    const own = this as unknown as Record<string, unknown>;
    for (const name of names) {
      if (!Object.hasOwn(this, name)) continue;
      const value = own[name];
      delete own[name];
      own[name] = value;
    }
  }
}
