/**
 * Canvas 2D by Skia (@napi-rs/canvas). A server often has no fonts at all, and then text would silently be
 * nothing, so the labels' font comes along: Inter (SIL Open Font License), from its npm package. Its files
 * are split by script; the font list names them all, and Skia takes each letter from the first that has it.
 */
import { createRequire } from 'node:module';
import type { OpenCanvas } from '../types.ts';

const require = createRequire(import.meta.url);

const scripts = ['latin', 'latin-ext', 'greek', 'cyrillic', 'vietnamese'];
const weights = [400, 600];
const familyOf = (script: string): string => `Ocelli Inter ${script}`;

/** The families to name in `context.font`, the system's own last (for scripts that Inter lacks). */
export const canvasFont = [...scripts.map((script) => `"${familyOf(script)}"`), 'sans-serif'].join(', ');

type Skia = typeof import('@napi-rs/canvas');
let loaded: Skia | undefined;

function skia(): Skia {
  if (loaded) return loaded;
  const library = require('@napi-rs/canvas') as Skia;
  for (const script of scripts) {
    for (const weight of weights) {
      const file = require.resolve(`@fontsource/inter/files/inter-${script}-${weight}-normal.woff2`);
      if (!library.GlobalFonts.registerFromPath(file, familyOf(script))) {
        throw new Error(`the font ${file} could not be read`);
      }
    }
  }
  loaded = library;
  return library;
}

export const openCanvas: OpenCanvas = (image) => {
  const { createCanvas, ImageData } = skia();
  const { height, width } = image;
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  if ('data' in image) {
    const pixels = new Uint8ClampedArray(height * width * 4);
    for (let i = 0, p = 0; i < pixels.length; i += 4, p += 3) {
      pixels[i] = image.data[p]!;
      pixels[i + 1] = image.data[p + 1]!;
      pixels[i + 2] = image.data[p + 2]!;
      pixels[i + 3] = 255;
    }
    context.putImageData(new ImageData(pixels, width, height), 0, 0);
  }
  return {
    context,
    read: () => {
      const pixels = context.getImageData(0, 0, width, height).data;
      const data = new Uint8Array(height * width * 3);
      for (let i = 0, p = 0; i < pixels.length; i += 4, p += 3) {
        data[p] = pixels[i]!;
        data[p + 1] = pixels[i + 1]!;
        data[p + 2] = pixels[i + 2]!;
      }
      return { height, width, data };
    },
  };
};
