/** Canvas 2D by `OffscreenCanvas`, in pages and workers. The browser brings fonts for every script. */
import type { Canvas2D, OpenCanvas } from '../types.ts';
import { toRgb, toRgba } from './pixels.ts';

/** The families to name in `context.font`. */
export const canvasFont = 'Inter, system-ui, sans-serif';

export const openCanvas: OpenCanvas = (image) => {
  const { height, width } = image;
  const context = contextOf(width, height);
  if ('data' in image) context.putImageData(new ImageData(toRgba(image), width, height), 0, 0);
  return {
    context: context satisfies Canvas2D,
    read: () => ({ height, width, data: toRgb(context.getImageData(0, 0, width, height).data) }),
  };
};

/** Kept in memory and drawn by the processor: it is read back, and pixels don't depend on a graphics driver. */
export function contextOf(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error(`this browser gives no 2D canvas of ${width} × ${height} pixels`);
  return context;
}
