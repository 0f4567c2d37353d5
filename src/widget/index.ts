/**
 * `<ocelli-predict>`: one script tag and one attribute put a model on a page. docs/widget.md tells how to use it.
 *
 * The page's half is here (`page/`): the element, what it shows, the way to the worker. The worker's half (`worker/`) is
 * started by the first element that needs it, and shared by all; it loads onnxruntime, and for what our own processors
 * and decoding don't know, transformers.js.
 */
import { OcelliPredict } from './page/element.ts';
import type { PartAddresses } from './protocol.ts';

export type { OcelliPredictAttributes, OcelliPredictListeners } from './attributes.ts';
export { OcelliPredict, type Picture } from './page/element.ts';
export type {
  ErrorDetail,
  OcelliPredictEventMap,
  PredictionDetail,
  ReadyDetail,
  RecoveredDetail,
} from './page/events.ts';
export type { Answer, Finding, PixelMask, Progress, Times, WorkerState } from './protocol.ts';

/** Makes `<ocelli-predict>` known. Twice is once, also for two copies of the script. */
export function defineOcelliPredict(workerAddress: string, parts?: PartAddresses): void {
  // Pages are also rendered by servers, which have no elements.
  if (typeof customElements === 'undefined' || customElements.get('ocelli-predict')) return;
  OcelliPredict.workerAddress = workerAddress;
  OcelliPredict.parts = parts;
  customElements.define('ocelli-predict', OcelliPredict);
}

declare global {
  interface HTMLElementTagNameMap {
    'ocelli-predict': OcelliPredict;
  }
}
