/** Pictures on their way into the model: files, and frames of a camera. */
import { DataError, type Raster } from '../../core/index.ts';
import { decodeImage, inspectImage } from '../../platform/browser/index.ts';

/** Four bytes a pixel, twice: more than this is more memory than a tab has. */
const largestPixels = 100e6;

/** A file's pixels, upright; a frame's as they are. The frame is closed. */
export async function rasterOf(picture: Blob | ImageBitmap): Promise<Raster> {
  if (!(picture instanceof Blob)) return rasterOfFrame(picture);
  const bytes = new Uint8Array(await picture.arrayBuffer());
  const { height, width } = await inspectImage(bytes).catch(() => ({ height: 0, width: 0 }));
  if (height * width > largestPixels) {
    throw new DataError({
      code: 'image_too_large',
      expected: `a picture of at most ${largestPixels / 1e6} million pixels`,
      received: `${width} × ${height}`,
      fix: 'make it smaller first: models look at far fewer pixels',
    });
  }
  return decodeImage(bytes);
}

let canvas: OffscreenCanvas | undefined;

function rasterOfFrame(frame: ImageBitmap): Raster {
  const { height, width } = frame;
  if (canvas?.width !== width || canvas.height !== height) canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('this browser gives no 2D canvas');
  context.drawImage(frame, 0, 0);
  frame.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(height * width * 3);
  for (let i = 0, p = 0; p < data.length; i += 4, p += 3) {
    data[p] = rgba[i]!;
    data[p + 1] = rgba[i + 1]!;
    data[p + 2] = rgba[i + 2]!;
  }
  return { height, width, data };
}
