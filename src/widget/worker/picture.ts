/** Pictures on their way into the model: files, and frames of a camera. */
import { DataError, type Raster } from '../../core/index.ts';
import { decodeFile, inspectImage, rasterOf } from '../../platform/browser/index.ts';

export interface ReadPicture {
  readonly raster: Raster;
  /** Of a file, as people see it: upright, its colours as the file means them. */
  readonly shown: Promise<ImageBitmap> | undefined;
}

/** Four bytes a pixel, twice: more than this is more memory than a tab has. */
const largestPixels = 100e6;
/** Bytes of a file that can't hold so many pixels of anything that people took a picture of. */
const certainlySmall = 1e6;

/** A file's pixels, upright; a frame's as they are. The frame is closed. */
export async function readPicture(picture: Blob | ImageBitmap): Promise<ReadPicture> {
  if (!(picture instanceof Blob)) return { raster: rasterOf(picture), shown: undefined };
  if (picture.size > certainlySmall) await refuseHuge(picture);
  const { raster, bitmap } = await decodeFile(picture);
  const shown = bitmap ? Promise.resolve(bitmap) : createImageBitmap(picture);
  // Whoever asks for it later hears what is wrong then.
  shown.catch(() => undefined);
  return { raster, shown };
}

async function refuseHuge(picture: Blob): Promise<void> {
  const bytes = new Uint8Array(await picture.arrayBuffer());
  const { height, width } = await inspectImage(bytes).catch(() => ({ height: 0, width: 0 }));
  if (height * width <= largestPixels) return;
  throw new DataError({
    code: 'image_too_large',
    expected: `a picture of at most ${largestPixels / 1e6} million pixels`,
    received: `${width} × ${height}`,
    fix: 'make it smaller first: models look at far fewer pixels',
  });
}
