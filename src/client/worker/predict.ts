/**
 * Predictions of any model for the page. The model that answered last stays open, because pictures come one after
 * the other, and frames of a camera many times a second; whoever else needs the device closes it first. A model that has answered
 * and then fails may have lost its device (graphics drivers start anew): it is opened again, once, and the pictures shown again.
 */

import type { Raster } from '../../core/index.ts';
import { createPredictor, type Predictor } from '../../inference/index.ts';
import { decodeImage, rasterOf } from '../../platform/browser/index.ts';
import type { PredictRequest, PredictResult } from '../protocol.ts';

export class KeptPredictor {
  private open:
    | { readonly key: string; readonly predictor: Promise<Predictor>; answered: boolean }
    | undefined;
  /** Of the model that is open. */
  private readonly warnings: string[] = [];
  /** One call after the other: they share the model. */
  private last: Promise<unknown> = Promise.resolve();

  /** @param create how a model is opened; tests open one that fails */
  constructor(private readonly create: typeof createPredictor = createPredictor) {}

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
      const answered = this.open?.answered && this.holds(request, engine);
      try {
        return await this.answer(request, engine, images);
      } catch (error) {
        await this.end();
        if (!answered) throw error;
        return this.answer(request, engine, images);
      }
    });
  }

  /** Whether this model is the one that is open. */
  holds(request: PredictRequest, engine: 'auto' | 'onnx'): boolean {
    return this.open?.key === keyOf(request, engine);
  }

  close(): Promise<void> {
    return this.afterOthers(() => this.end());
  }

  private async answer(
    request: PredictRequest,
    engine: 'auto' | 'onnx',
    images: readonly Raster[],
  ): Promise<PredictResult> {
    const predictor = await this.opened(request, engine);
    const started = performance.now();
    const { threshold } = request;
    const predictions = await predictor.predict(images, threshold === undefined ? {} : { threshold });
    const ms = performance.now() - started;
    if (this.open) this.open.answered = true;
    const { classes, runtime } = predictor;
    return { classes: classes.names, runtime, predictions, warnings: [...this.warnings], ms };
  }

  private async opened(request: PredictRequest, engine: 'auto' | 'onnx'): Promise<Predictor> {
    const { model, device } = request;
    const key = keyOf(request, engine);
    if (this.open?.key !== key) {
      await this.end();
      this.warnings.length = 0;
      const predictor = this.create(model, {
        engine,
        ...(device ? { device } : {}),
        onWarning: ({ message }) => void this.warnings.push(message),
      });
      this.open = { key, predictor, answered: false };
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
    // What lies on a lost device can't be given back.
    await predictor?.dispose().catch(() => undefined);
  }

  private afterOthers<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.last.then(work, work);
    this.last = result.catch(() => undefined);
    return result;
  }
}

const keyOf = ({ model, device = 'auto' }: PredictRequest, engine: 'auto' | 'onnx'): string =>
  JSON.stringify([model, device, engine]);
