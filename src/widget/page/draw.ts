/**
 * The picture with what was found, on a canvas of the screen's resolution: boxes with a dark outline, so that they are
 * seen on any ground, labels on their class's colour, masks as a veil of it.
 */
import { classColor } from '../../vision/index.ts';
import type { Answer, Finding } from '../protocol.ts';
import { percent } from './findings.ts';

export interface Scene {
  /** What is shown: a picture, or a camera. */
  readonly source: CanvasImageSource;
  /** Its size in pixels, upright; findings are in these. */
  readonly width: number;
  readonly height: number;
  readonly findings: readonly Finding[];
  /** Drawn instead of the source. */
  readonly picture?: Answer['picture'] | undefined;
  /** The finding that is pointed at in the list. */
  readonly highlighted?: Finding | undefined;
}

/** Names that a pipeline gives have no number: the same name, the same colour. */
export function colorOf({ index, label }: Finding): string {
  if (index >= 0) return classColor(index);
  let hash = 7;
  for (const letter of label) hash = (Math.imul(hash, 31) + letter.codePointAt(0)!) >>> 0;
  return classColor(hash % 360);
}

/** @param pixelRatio of the screen; the canvas lies `width` CSS pixels wide on it */
export function drawScene(canvas: HTMLCanvasElement, scene: Scene, width: number, pixelRatio: number): void {
  const scale = width / scene.width;
  const columns = Math.max(1, Math.round(width * pixelRatio));
  const rows = Math.max(1, Math.round(scene.height * scale * pixelRatio));
  // Setting a size, even the same, takes new memory.
  if (canvas.width !== columns) canvas.width = columns;
  if (canvas.height !== rows) canvas.height = rows;
  const context = canvas.getContext('2d');
  if (!context) return;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, columns, rows);
  context.imageSmoothingQuality = 'medium';
  const ground = scene.picture ? canvasOf(scene.picture) : scene.source;
  context.drawImage(ground, 0, 0, canvas.width, canvas.height);
  const { highlighted } = scene;
  for (const finding of scene.findings) {
    if (finding.mask) drawMask(context, finding, highlighted === undefined || highlighted === finding);
  }
  context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0);
  const boxed = scene.findings
    .filter(({ box }) => box)
    .map((finding) => ({ finding, place: scaled(finding.box!, scale) }))
    .toSorted((a, b) => b.place.width * b.place.height - a.place.width * a.place.height);
  const faint = ({ finding }: (typeof boxed)[number]): boolean =>
    highlighted !== undefined && finding !== highlighted;
  for (const item of boxed) {
    context.globalAlpha = faint(item) ? 0.25 : 1;
    strokeBox(context, item.place, colorOf(item.finding));
  }
  const size = { width, height: scene.height * scale };
  const taken: Place[] = [];
  for (const item of boxed) {
    context.globalAlpha = faint(item) ? 0.25 : 1;
    taken.push(drawTag(context, item.finding, item.place, size, taken));
  }
  context.globalAlpha = 1;
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const scaled = ({ x, y, width, height }: Place, scale: number): Place => ({
  x: x * scale,
  y: y * scale,
  width: width * scale,
  height: height * scale,
});

function strokeBox(context: CanvasRenderingContext2D, { x, y, width, height }: Place, color: string): void {
  context.lineJoin = 'round';
  context.strokeStyle = 'rgb(0 0 0 / 55%)';
  context.lineWidth = 4;
  context.strokeRect(x, y, width, height);
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.strokeRect(x, y, width, height);
}

/** Above its box, else inside, moved down past labels that are there already. */
function drawTag(
  context: CanvasRenderingContext2D,
  finding: Finding,
  box: Place,
  size: Pick<Place, 'width' | 'height'>,
  taken: readonly Place[],
): Place {
  context.font = '600 13px system-ui, sans-serif';
  // A canvas takes the direction of its page, and would begin the text at the other end of the label.
  context.direction = 'ltr';
  context.textAlign = 'left';
  const text = `${finding.label} ${percent(finding.score)}`.trim();
  const width = Math.ceil(context.measureText(text).width) + 10;
  const height = 20;
  const x = Math.max(0, Math.min(box.x - 1, size.width - width));
  let y = Math.max(box.y, 0) - height >= 0 ? box.y - height : Math.max(box.y, 0);
  const hit = (): Place | undefined =>
    taken.find(
      (other) =>
        x < other.x + other.width &&
        other.x < x + width &&
        y < other.y + other.height &&
        other.y < y + height,
    );
  for (let other = hit(); other && y + height < size.height; other = hit()) y = other.y + other.height;
  y = Math.max(0, Math.min(y, size.height - height));
  context.fillStyle = colorOf(finding);
  context.beginPath();
  context.roundRect(x, y, width, height, 4);
  context.fill();
  context.fillStyle = '#000';
  context.textBaseline = 'middle';
  context.fillText(text, x + 5, y + height / 2 + 0.5);
  return { x, y, width, height };
}

const veils = new WeakMap<object, HTMLCanvasElement>();

function drawMask(context: CanvasRenderingContext2D, finding: Finding, strong: boolean): void {
  const { mask } = finding;
  if (!mask) return;
  let veil = veils.get(mask);
  if (!veil) {
    veil = canvasOf({ ...mask, rgba: tinted(mask.data, colorOf(finding)) });
    veils.set(mask, veil);
  }
  context.globalAlpha = strong ? 0.55 : 0.12;
  context.drawImage(veil, 0, 0, context.canvas.width, context.canvas.height);
  context.globalAlpha = 1;
}

function tinted(mask: Uint8Array, color: string): Uint8ClampedArray {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)) as [
    number,
    number,
    number,
  ];
  const rgba = new Uint8ClampedArray(mask.length * 4);
  for (let i = 0; i < mask.length; i++) rgba.set([red, green, blue, mask[i]!], i * 4);
  return rgba;
}

function canvasOf({ width, height, rgba }: NonNullable<Answer['picture']>): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const pixels = new ImageData(new Uint8ClampedArray(rgba), width, height);
  canvas.getContext('2d')?.putImageData(pixels, 0, 0);
  return canvas;
}
