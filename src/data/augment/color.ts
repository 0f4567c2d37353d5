/**
 * Brightness, contrast, saturation and hue, in this order.
 *
 * Brightness scales towards black, contrast towards the mean of the grey image, saturation towards the grey
 * of each pixel (factor 1 changes nothing, 0 gives black, grey mean, grey picture); hue turns the colour
 * circle of HSV (1 = a whole turn). Greys are ITU-R 601 luma. Values are clipped after every step.
 */
import type { Raster } from '../../core/index.ts';

export interface ColorChange {
  /** Factors around 1. */
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** In turns, around 0. */
  readonly hue: number;
}

const luma = (red: number, green: number, blue: number): number => 0.299 * red + 0.587 * green + 0.114 * blue;

export function changeColors(image: Raster, change: ColorChange): Raster {
  let { data } = image;
  if (change.brightness !== 1) data = scaled(data, change.brightness, 0);
  if (change.contrast !== 1)
    data = scaled(data, change.contrast, luma(...channelSums(data)) / (data.length / 3));
  if (change.saturation !== 1) data = saturated(data, change.saturation);
  if (change.hue !== 0) data = turned(data, change.hue);
  return { ...image, data };
}

/** The sum of each channel over all pixels, [red, green, blue]. */
export function channelSums(data: Uint8Array): [number, number, number] {
  let red = 0;
  let green = 0;
  let blue = 0;
  for (let i = 0; i < data.length; i += 3) {
    red += data[i]!;
    green += data[i + 1]!;
    blue += data[i + 2]!;
  }
  return [red, green, blue];
}

/** Away from `center` by `factor`. */
function scaled(data: Uint8Array, factor: number, center: number): Uint8Array {
  const table = new Uint8ClampedArray(256);
  for (let value = 0; value < 256; value++) table[value] = center + (value - center) * factor;
  const result = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) result[i] = table[data[i]!]!;
  return result;
}

function saturated(data: Uint8Array, factor: number): Uint8Array {
  const result = new Uint8ClampedArray(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const red = data[i]!;
    const green = data[i + 1]!;
    const blue = data[i + 2]!;
    const rest = luma(red, green, blue) * (1 - factor);
    result[i] = rest + red * factor;
    result[i + 1] = rest + green * factor;
    result[i + 2] = rest + blue * factor;
  }
  return new Uint8Array(result.buffer);
}

/**
 * Turns hue at constant saturation and value. In HSV a colour is its largest channel, and how far the other
 * two lie below it as functions of the hue (Smith 1978): f(n) = v - c * max(0, min(k, 4 - k, 1)).
 */
function turned(data: Uint8Array, turns: number): Uint8Array {
  const result = new Uint8ClampedArray(data.length);
  const shift = turns * 6;
  for (let i = 0; i < data.length; i += 3) {
    const red = data[i]!;
    const green = data[i + 1]!;
    const blue = data[i + 2]!;
    const value = Math.max(red, green, blue);
    const chroma = value - Math.min(red, green, blue);
    let hue = shift;
    if (chroma > 0) {
      if (value === red) hue += (green - blue) / chroma;
      else if (value === green) hue += (blue - red) / chroma + 2;
      else hue += (red - green) / chroma + 4;
    }
    result[i] = value - chroma * below(hue + 5);
    result[i + 1] = value - chroma * below(hue + 3);
    result[i + 2] = value - chroma * below(hue + 1);
  }
  return new Uint8Array(result.buffer);
}

/** How far a channel lies below the largest, in chromas; `sextant` counts sixths of a turn. */
function below(sextant: number): number {
  const k = sextant - 6 * Math.floor(sextant / 6);
  return Math.max(0, Math.min(k, 4 - k, 1));
}
