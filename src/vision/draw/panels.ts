/** Pictures with something beside them: bars of probabilities below, or several pictures in a row. */
import { openCanvas } from '#platform';
import type { Raster } from '../../core/index.ts';
import { boldFont, drawingScale, enlarge, penFor, plainFont } from './boxes.ts';

const paper = '#ffffff';
const ink = '#1a1a1a';
const faint = '#e4e4e4';

export interface Bar {
  readonly text: string;
  /** In 0 … 1. */
  readonly value: number;
  readonly color: string;
  /** Drawn bold: the true class. */
  readonly strong?: boolean;
}

/** The picture with a bar chart below it, one line per bar with its percentage. */
export function drawBars(image: Raster, bars: readonly Bar[]): Raster {
  const ground = enlarge(image, drawingScale(image));
  const { text: size } = penFor(ground);
  const row = Math.round(size * 2.1);
  const margin = Math.round(size * 0.6);
  const height = ground.height + bars.length * row + margin;
  const { width } = ground;
  const canvas = openCanvas({ height, width });
  const { context } = canvas;
  context.fillStyle = paper;
  context.fillRect(0, 0, width, height);
  const left = margin;
  const right = width - margin;
  bars.forEach(({ text, value, color, strong }, i) => {
    const top = ground.height + margin / 2 + i * row;
    context.fillStyle = faint;
    context.fillRect(left, top + row - size * 0.5, right - left, size * 0.35);
    context.fillStyle = color;
    context.fillRect(
      left,
      top + row - size * 0.5,
      (right - left) * Math.min(Math.max(value, 0), 1),
      size * 0.35,
    );
    const percent = `${(value * 100).toFixed(1)} %`;
    context.fillStyle = ink;
    context.textBaseline = 'alphabetic';
    context.font = strong ? boldFont(size) : plainFont(size);
    context.textAlign = 'right';
    context.fillText(percent, right, top + size * 1.15);
    context.textAlign = 'left';
    const room = right - left - context.measureText(percent).width - size;
    context.fillText(
      shortened(text, room, (part) => context.measureText(part).width),
      left,
      top + size * 1.15,
    );
  });
  const result = canvas.read();
  result.data.set(ground.data);
  return result;
}

/** Pictures in a row, aligned at the top, with a title over each. */
export function sideBySide(pictures: readonly { readonly image: Raster; readonly title?: string }[]): Raster {
  const first = pictures[0];
  if (!first) throw new Error('a row needs at least one picture');
  const { text: size } = penFor(first.image);
  const gap = Math.round(size * 0.6);
  const titled = pictures.some(({ title }) => title);
  const top = titled ? Math.round(size * 1.8) : 0;
  const height = top + Math.max(...pictures.map(({ image }) => image.height));
  const width = pictures.reduce((sum, { image }) => sum + image.width, gap * (pictures.length - 1));
  const canvas = openCanvas({ height, width });
  const { context } = canvas;
  context.fillStyle = paper;
  context.fillRect(0, 0, width, height);
  context.fillStyle = ink;
  context.font = boldFont(size);
  context.textBaseline = 'middle';
  let left = 0;
  for (const { image, title } of pictures) {
    if (title) {
      context.fillText(
        shortened(title, image.width, (part) => context.measureText(part).width),
        left,
        top / 2,
      );
    }
    left += image.width + gap;
  }
  const result = canvas.read();
  left = 0;
  for (const { image } of pictures) {
    for (let y = 0; y < image.height; y++) {
      const row = image.data.subarray(y * image.width * 3, (y + 1) * image.width * 3);
      result.data.set(row, ((top + y) * width + left) * 3);
    }
    left += image.width + gap;
  }
  return result;
}

/** Cut with an ellipsis where there is no room. */
function shortened(text: string, room: number, measure: (text: string) => number): string {
  if (measure(text) <= room) return text;
  const letters = [...text];
  while (letters.length > 0 && measure(`${letters.join('')}…`) > room) letters.pop();
  return `${letters.join('')}…`;
}
