/**
 * `<ocelli-predict>`: one script tag and one attribute put a model on a page. docs/widget.md tells how to use it.
 *
 * The page's half is here (`page/`): the element, what it shows, the way to the worker. The worker's half (`worker/`) is
 * started by the first element that needs it, and shared by all; it loads onnxruntime, and for what our own processors
 * and decoding don't know, transformers.js.
 */
import { OcelliPredict } from './page/element.ts';

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
export function defineOcelliPredict(workerAddress: string): void {
  if (customElements.get('ocelli-predict')) return;
  OcelliPredict.workerAddress = workerAddress;
  customElements.define('ocelli-predict', OcelliPredict);
}

declare global {
  interface HTMLElementTagNameMap {
    'ocelli-predict': OcelliPredict;
  }
}
