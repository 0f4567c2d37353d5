/**
 * Boxes with labels over a picture. Small pictures are enlarged first, so that text stays readable; lines
 * have a dark outline and labels a filled ground, so that both can be seen on any picture.
 */
import { type Canvas2D, canvasFont, openCanvas } from '#platform';
import type { BoxXyxy, Raster, Size } from '../../core/index.ts';
import { resize } from '../resize.ts';

export interface BoxMark {
  /** Corners in pixels of the picture; may lie outside. */
  readonly box: BoxXyxy;
  readonly color: string;
  readonly text?: string;
}

/** Shorter sides below this are enlarged by a whole factor. */
const readableSide = 320;

/** By how much a picture is enlarged before anything is drawn on it. */
export function drawingScale({ height, width }: Size): number {
  return Math.min(8, Math.ceil(readableSide / Math.min(height, width)));
}

export function enlarge(image: Raster, scale: number): Raster {
  return resize(image, { height: image.height * scale, width: image.width * scale }, 'bilinear');
}

/** The picture with boxes, larger ones below; the result is `drawingScale` times as large. */
export function drawBoxes(image: Raster, marks: readonly BoxMark[]): Raster {
  const scale = drawingScale(image);
  const ground = enlarge(image, scale);
  const canvas = openCanvas(ground);
  const pen = penFor(ground);
  const placed = marks
    .map((mark) => ({ ...mark, box: insideOf(mark.box, scale, ground, pen.line) }))
    .sort((a, b) => areaOf(b.box) - areaOf(a.box));
  for (const { box, color } of placed) strokeBox(canvas.context, box, color, pen);
  const taken: BoxXyxy[] = [];
  for (const { box, color, text } of placed) {
    if (text) taken.push(drawTag(canvas.context, text, box, color, pen, ground, taken));
  }
  return canvas.read();
}

export interface Pen {
  /** Widths and heights in pixels. */
  readonly line: number;
  readonly text: number;
}

/** Lines and letters in proportion to the picture. */
export function penFor({ height, width }: Size): Pen {
  const side = Math.min(height, width);
  return { line: Math.max(2, Math.round(side / 160)), text: Math.max(13, Math.round(side / 26)) };
}

export const boldFont = (size: number): string => `600 ${size}px ${canvasFont}`;
export const plainFont = (size: number): string => `400 ${size}px ${canvasFont}`;

const areaOf = ([x0, y0, x1, y1]: BoxXyxy): number => (x1 - x0) * (y1 - y0);

/** The visible part of a box, half a line inside the picture. */
function insideOf([x0, y0, x1, y1]: BoxXyxy, scale: number, { height, width }: Size, line: number): BoxXyxy {
  const clip = (value: number, high: number): number =>
    Math.min(Math.max(value * scale, line / 2), high - line / 2);
  return [clip(x0, width), clip(y0, height), clip(x1, width), clip(y1, height)];
}

function strokeBox(context: Canvas2D, [x0, y0, x1, y1]: BoxXyxy, color: string, { line }: Pen): void {
  context.lineJoin = 'round';
  context.strokeStyle = 'rgba(0, 0, 0, 0.6)';
  context.lineWidth = line + 2;
  context.strokeRect(x0, y0, x1 - x0, y1 - y0);
  context.strokeStyle = color;
  context.lineWidth = line;
  context.strokeRect(x0, y0, x1 - x0, y1 - y0);
}

/** A label above its box, else inside, moved down past labels that are there already. Returns its place. */
function drawTag(
  context: Canvas2D,
  text: string,
  [x0, y0]: BoxXyxy,
  color: string,
  { line, text: size }: Pen,
  ground: Size,
  taken: readonly BoxXyxy[],
): BoxXyxy {
  context.font = boldFont(size);
  const padding = Math.round(size * 0.3);
  const width = context.measureText(text).width + 2 * padding;
  const height = Math.round(size * 1.35);
  const left = Math.max(0, Math.min(x0 - line / 2, ground.width - width));
  let top = y0 - height >= 0 ? y0 - height : y0;
  const overlaps = ([a, b, c, d]: BoxXyxy): boolean =>
    left < c && a < left + width && top < d && b < top + height;
  for (let hit = taken.find(overlaps); hit && top + height < ground.height; hit = taken.find(overlaps)) {
    top = hit[3];
  }
  top = Math.max(0, Math.min(top, ground.height - height));
  context.fillStyle = color;
  context.fillRect(left, top, width, height);
  context.fillStyle = '#000000';
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  context.fillText(text, left + padding, top + height / 2 + size * 0.04);
  return [left, top, left + width, top + height];
}
