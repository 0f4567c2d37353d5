/** One look at a picture: from what people hand over to the model's answer, with a bitmap of the same picture to show. */
import type { Answer } from '../protocol.ts';
import { bitmapOf } from './transfer.ts';

/** Milliseconds after which a picture is shown without its answer. */
const patience = 150;

export interface Looked {
  readonly answer: Answer;
  /** For another look, by another model. */
  readonly again: Blob | ImageBitmap;
  readonly bitmap: ImageBitmap;
}

export interface Looking {
  /** Whether an answer can come soon: nothing must be fetched for it. */
  readonly isReady: boolean;
  ask(picture: () => Promise<Blob | ImageBitmap>): Promise<Answer>;
  /** The picture without its answer, which takes long. */
  showAlone(bitmap: ImageBitmap): void;
}

/**
 * A file is decoded once, by the worker, and its picture comes back with the answer. Only where that takes long does the
 * page decode it as well, to show it meanwhile, or to say that it can't be read before a model is loaded for it.
 */
export async function lookAtFile(file: Blob, { isReady, ask, showAlone }: Looking): Promise<Looked> {
  let waiting: ReturnType<typeof setTimeout> | undefined;
  const unreadable = new Promise<never>((_, reject) => {
    const decode = (): void => {
      bitmapOf(file).then((bitmap) => waiting !== undefined && showAlone(bitmap), reject);
    };
    waiting = setTimeout(decode, isReady ? patience : 0);
  });
  const asking = ask(async () => file);
  // What comes of it after the picture was refused is of no interest.
  asking.catch(() => undefined);
  try {
    const answer = await Promise.race([asking, unreadable]);
    return { answer, again: file, bitmap: answer.bitmap ?? (await bitmapOf(file)) };
  } finally {
    clearTimeout(waiting);
    waiting = undefined;
  }
}

/** A bitmap, canvas, video or `<img>` as it is now. */
export async function lookAtDrawable(
  source: ImageBitmapSource,
  { ask, showAlone }: Looking,
): Promise<Looked> {
  const bitmap = await createImageBitmap(source);
  // A quick answer comes with its picture: drawing it twice costs as much as a small model.
  const waiting = setTimeout(() => showAlone(bitmap), patience);
  const answer = await ask(() => createImageBitmap(bitmap)).finally(() => clearTimeout(waiting));
  return { answer, again: bitmap, bitmap };
}
