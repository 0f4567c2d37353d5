/**
 * Predictions for files, one batch in memory at a time: while the model works on one batch, the next is read and
 * decoded. A picture that can't be read is set aside with its error and the others go on.
 */
import { decodeImage, files } from '#platform';
import type { Raster } from '../core/index.ts';
import { findPictures } from './inputs.ts';
import { imageIds } from './results.ts';
import type { FilePrediction, PredictOptions, Predictor } from './types.ts';

export interface PredictFilesOptions extends PredictOptions {
  readonly signal?: AbortSignal;
}

type Loaded = { readonly path: string } & ({ readonly image: Raster } | { readonly error: Error });

/** `inputs` are files, folders and globs; results come in the order of the sorted paths. */
export async function* predictFiles(
  predictor: Predictor,
  inputs: readonly string[],
  options: PredictFilesOptions = {},
): AsyncIterable<FilePrediction> {
  const paths = await findPictures(inputs);
  const ids = new Map(imageIds(paths).map((id, i) => [paths[i]!, id]));
  const { batchSize } = predictor;
  let next = load(paths.slice(0, batchSize));
  for (let start = 0; start < paths.length; start += batchSize) {
    options.signal?.throwIfAborted();
    const batch = await next;
    next = load(paths.slice(start + batchSize, start + 2 * batchSize));
    const readable = batch.filter((item) => 'image' in item);
    const predictions = await predictor.predict(
      readable.map((item) => item.image),
      options,
    );
    for (const item of batch) {
      const imageId = ids.get(item.path)!;
      if ('error' in item) yield { ...item, imageId };
      else yield { ...item, imageId, prediction: predictions[readable.indexOf(item)]! };
    }
  }
}

async function load(paths: readonly string[]): Promise<Loaded[]> {
  return Promise.all(
    paths.map(async (path): Promise<Loaded> => {
      try {
        return { path, image: await decodeImage(await files.read(path)) };
      } catch (error) {
        return { path, error: error instanceof Error ? error : new Error(String(error)) };
      }
    }),
  );
}
