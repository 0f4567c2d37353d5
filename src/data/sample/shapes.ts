/**
 * A picture of plain shapes, as a pure function of seed and index. The classes differ in shape and in nothing
 * else: area, colour, contrast, position, rotation, background and noise are drawn from the same
 * distributions whatever the class, so that no sum over pixels tells them apart (a test holds logistic
 * regression on raw pixels below 0.6) while a small network sees them at once.
 */
import { type BoxXywh, derive, type Random, type Raster } from '../../core/index.ts';
import { outlineOf, reachOf, type SampleSet } from './outlines.ts';

export interface ShapesOptions {
  readonly seed: number;
  /** Height and width in pixels. */
  readonly size: number;
  /** From 2; the first ones of the set. In `shapes` those that are easily mistaken for others come last. */
  readonly classes: number;
  /** At most this many shapes in a picture; 1: exactly one. */
  readonly objects: number;
  /** What is drawn (`shapes`). */
  readonly set?: SampleSet;
}

export interface Shape {
  /** Position in `namesOf(set)`. */
  readonly label: number;
  /** Corners x0, y0, x1, y1, … in pixels. */
  readonly polygon: readonly number[];
  readonly bbox: BoxXywh;
}

type Rgb = readonly [red: number, green: number, blue: number];

/** What is in picture `index`, without drawing it. With one object per picture classes take turns. */
export function placeShapes(index: number, options: ShapesOptions): Shape[] {
  const random = derive(options.seed, 'shapes', index);
  const count = options.objects === 1 ? 1 : 1 + random.integer(options.objects);
  const shapes: Shape[] = [];
  // A crowded picture gets fewer shapes rather than hidden ones.
  for (let attempt = 0; shapes.length < count && attempt < 30; attempt++) {
    const label = options.objects === 1 ? index % options.classes : random.integer(options.classes);
    const shape = placeOne(label, options, random);
    if (shapes.every((other) => !overlap(shape.bbox, other.bbox))) shapes.push(shape);
  }
  return shapes;
}

/** Draws picture `index`. */
export function drawShapes(index: number, options: ShapesOptions): Raster {
  const { size } = options;
  const random = derive(options.seed, 'colours', index);
  const background = randomColor(random);
  const data = drawBackground(background, size, random);
  for (const shape of placeShapes(index, options)) {
    blend(data, size, shape, contrastingColor(background, random));
  }
  for (let i = 0; i < data.length; i++) data[i] = data[i]! + random.normal() * 5;
  return {
    height: size,
    width: size,
    data: Uint8Array.from(data, (value) => Math.max(0, Math.min(255, value))),
  };
}

function placeOne(label: number, { size, objects, set = 'shapes' }: ShapesOptions, random: Random): Shape {
  const unit = outlineOf(set, label);
  const [low, high] = objects === 1 ? [0.36, 0.52] : [0.2, 0.34];
  // Figures that reach farther than shapes are drawn smaller, so that they fit.
  const scale = size * random.uniform(low, high) * Math.min(1, reachOf('shapes') / reachOf(set));
  const angle = random.uniform(0, 2 * Math.PI);
  const [cos, sin] = [Math.cos(angle) * scale, Math.sin(angle) * scale];
  // Every class keeps the same distance from the border, or the border would tell them apart.
  const reach = Math.min(size / 2 - 1, reachOf(set) * scale);
  const x = random.uniform(reach + 1, size - reach - 1);
  const y = random.uniform(reach + 1, size - reach - 1);
  const polygon: number[] = [];
  for (let i = 0; i < unit.length; i += 2) {
    const px = x + cos * unit[i]! - sin * unit[i + 1]!;
    const py = y + sin * unit[i]! + cos * unit[i + 1]!;
    polygon.push(rounded(clamp(px, size)), rounded(clamp(py, size)));
  }
  return { label, polygon, bbox: boundsOf(polygon) };
}

/** A flat colour with a slope in a random direction. */
function drawBackground(color: Rgb, size: number, random: Random): Float32Array {
  const data = new Float32Array(size * size * 3);
  const angle = random.uniform(0, 2 * Math.PI);
  const slope = random.uniform(0, 40) / size;
  const [right, down] = [Math.cos(angle) * slope, Math.sin(angle) * slope];
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const light = (x - size / 2) * right + (y - size / 2) * down;
      for (let c = 0; c < 3; c++) data[(y * size + x) * 3 + c] = color[c]! + light;
    }
  }
  return data;
}

function blend(data: Float32Array, size: number, shape: Shape, color: Rgb): void {
  const inside = countInside(shape.polygon, size);
  for (let pixel = 0; pixel < inside.length; pixel++) {
    const share = inside[pixel]! / fineness ** 2;
    if (share === 0) continue;
    for (let c = 0; c < 3; c++) {
      const at = pixel * 3 + c;
      data[at] = data[at]! + share * (color[c]! - data[at]!);
    }
  }
}

/** Points per pixel and axis that decide how much of it a shape covers. */
const fineness = 4;

/** For each pixel, how many of its points lie inside a polygon (even-odd rule, line by line). */
function countInside(polygon: readonly number[], size: number): Uint8Array {
  const counts = new Uint8Array(size * size);
  for (let line = 0; line < size * fineness; line++) {
    const y = (line + 0.5) / fineness;
    const crossings: number[] = [];
    for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
      const [x0, y0, x1, y1] = [polygon[j]!, polygon[j + 1]!, polygon[i]!, polygon[i + 1]!];
      if (y0 > y !== y1 > y) crossings.push(((x1 - x0) * (y - y0)) / (y1 - y0) + x0);
    }
    crossings.sort((a, b) => a - b);
    const row = Math.floor(line / fineness) * size;
    for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
      const end = Math.min(size * fineness, Math.ceil(crossings[pair + 1]! * fineness - 0.5));
      for (let point = Math.max(0, Math.ceil(crossings[pair]! * fineness - 0.5)); point < end; point++) {
        counts[row + Math.floor(point / fineness)]!++;
      }
    }
  }
  return counts;
}

const randomColor = (random: Random): Rgb => [
  random.uniform(0, 255),
  random.uniform(0, 255),
  random.uniform(0, 255),
];

/** Lighter or darker, but never close: seen in grey the two differ by at least 50. */
function contrastingColor(background: Rgb, random: Random): Rgb {
  for (;;) {
    const color = randomColor(random);
    if (Math.abs(grey(color) - grey(background)) >= 50) return color;
  }
}

const grey = ([red, green, blue]: Rgb): number => 0.299 * red + 0.587 * green + 0.114 * blue;
const clamp = (value: number, size: number): number => Math.max(0, Math.min(size, value));
const rounded = (value: number): number => Math.round(value * 100) / 100;

function boundsOf(polygon: readonly number[]): BoxXywh {
  const xs = polygon.filter((_, i) => i % 2 === 0);
  const ys = polygon.filter((_, i) => i % 2 === 1);
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  return [left, top, rounded(Math.max(...xs) - left), rounded(Math.max(...ys) - top)];
}

function overlap(a: BoxXywh, b: BoxXywh): boolean {
  return a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3];
}
