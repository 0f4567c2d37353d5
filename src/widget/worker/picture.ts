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
/** Bytes: a larger file is looked into before it is decoded. A smaller one is decoded first, which is quick and reads it once. */
const soonDecoded = 1e6;

/** A file's pixels, upright; a frame's as they are. The frame is closed. */
export async function readPicture(picture: Blob | ImageBitmap): Promise<ReadPicture> {
  if (!(picture instanceof Blob)) return { raster: rasterOf(picture), shown: undefined };
  if (picture.size > soonDecoded) refuseHuge(await sizeOf(picture));
  const { raster, bitmap } = await decodeFile(picture, refuseHuge);
  const shown = bitmap ? Promise.resolve(bitmap) : createImageBitmap(picture);
  // Whoever asks for it later hears what is wrong then.
  shown.catch(() => undefined);
  return { raster, shown };
}

interface Size {
  readonly height: number;
  readonly width: number;
}

/** By its head; nothing where that can't be read, which decoding says better. */
async function sizeOf(picture: Blob): Promise<Size> {
  const bytes = new Uint8Array(await picture.arrayBuffer());
  return inspectImage(bytes).catch(() => ({ height: 0, width: 0 }));
}

function refuseHuge({ height, width }: Size): void {
  if (height * width <= largestPixels) return;
  throw new DataError({
    code: 'image_too_large',
    expected: `a picture of at most ${largestPixels / 1e6} million pixels`,
    received: `${width} × ${height}`,
    fix: 'make it smaller first: models look at far fewer pixels',
  });
}
