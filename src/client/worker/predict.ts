/**
 * Predictions of any model for the page. The model that answered last stays open, because pictures come one after
 * the other, and frames of a camera many times a second; whoever else needs the device closes it first.
 */

import { createPredictor, type Predictor } from '../../inference/index.ts';
import { decodeImage, rasterOf } from '../../platform/browser/index.ts';
import type { PredictRequest, PredictResult } from '../protocol.ts';

export class KeptPredictor {
  private open: { readonly key: string; readonly predictor: Promise<Predictor> } | undefined;
  /** Of the model that is open. */
  private readonly warnings: string[] = [];
  /** One call after the other: they share the model. */
  private last: Promise<unknown> = Promise.resolve();

  /** Pictures are read and predicted together; bitmaps are closed. */
  predict(
    request: PredictRequest,
    pictures: readonly (Blob | ImageBitmap)[],
    engine: 'auto' | 'onnx',
  ): Promise<PredictResult> {
    return this.afterOthers(async () => {
      const images = await Promise.all(
        pictures.map(async (picture) =>
          picture instanceof Blob
            ? decodeImage(new Uint8Array(await picture.arrayBuffer()))
            : rasterOf(picture),
        ),
      );
      const predictor = await this.opened(request, engine);
      const started = performance.now();
      const { threshold } = request;
      const predictions = await predictor.predict(images, threshold === undefined ? {} : { threshold });
      const ms = performance.now() - started;
      const { classes, runtime } = predictor;
      return { classes: classes.names, runtime, predictions, warnings: [...this.warnings], ms };
    });
  }

  /** Whether this model is the one that is open. */
  holds(request: PredictRequest, engine: 'auto' | 'onnx'): boolean {
    return this.open?.key === keyOf(request, engine);
  }

  close(): Promise<void> {
    return this.afterOthers(() => this.end());
  }

  private async opened(request: PredictRequest, engine: 'auto' | 'onnx'): Promise<Predictor> {
    const { model, device } = request;
    const key = keyOf(request, engine);
    if (this.open?.key !== key) {
      await this.end();
      this.warnings.length = 0;
      const predictor = createPredictor(model, {
        engine,
        ...(device ? { device } : {}),
        onWarning: ({ message }) => void this.warnings.push(message),
      });
      this.open = { key, predictor };
      // A model that could not be opened is tried again.
      predictor.catch(() => {
        if (this.open?.predictor === predictor) this.open = undefined;
      });
    }
    return this.open!.predictor;
  }

  private async end(): Promise<void> {
    const predictor = await this.open?.predictor.catch(() => undefined);
    this.open = undefined;
    await predictor?.dispose();
  }

  private afterOthers<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.last.then(work, work);
    this.last = result.catch(() => undefined);
    return result;
  }
}

const keyOf = ({ model, device = 'auto' }: PredictRequest, engine: 'auto' | 'onnx'): string =>
  JSON.stringify([model, device, engine]);
