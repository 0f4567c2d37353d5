/**
 * The numbers of a run as curves. Long runs are thinned: a curve keeps at most `mostPoints` points, each the mean of the steps
 * that it stands for, so that charts and memory stay small however long a run is.
 */
import type { RunEvent } from '../core/index.ts';

const mostPoints = 1000;

export class Curve {
  readonly points: [step: number, value: number][] = [];
  /** Steps per point; doubles when the curve is full. */
  private stride = 1;
  private sum = 0;
  private count = 0;

  add(step: number, value: number): void {
    if (!Number.isFinite(value)) return;
    this.sum += value;
    this.count++;
    if (this.count < this.stride) return;
    this.points.push([step, this.sum / this.count]);
    this.sum = 0;
    this.count = 0;
    if (this.points.length < mostPoints) return;
    for (let i = 0; i < this.points.length / 2; i++) {
      const [a, b] = [this.points[2 * i]!, this.points[2 * i + 1]!];
      this.points[i] = [b[0], (a[1] + b[1]) / 2];
    }
    this.points.length = Math.floor(this.points.length / 2);
    this.stride *= 2;
  }

  /** Without the points from a step on: a resumed run does those steps again. */
  cut(step: number): void {
    const keep = this.points.findIndex(([at]) => at > step);
    if (keep >= 0) this.points.length = keep;
    // Steps that wait for others to become a point may be among those that are done again.
    this.sum = 0;
    this.count = 0;
  }
}

export interface Curves {
  readonly loss: Curve;
  /** The loss's parts by their names. */
  readonly parts: Map<string, Curve>;
  readonly learningRate: Curve;
  readonly imagesPerSecond: Curve;
  readonly gpuBytes: Curve;
  readonly gradNorm: Curve;
  /** What evaluations of the validation images gave, by metric (`val_accuracy`). */
  readonly metrics: Map<string, Curve>;
  /** The usual milliseconds of a step now: the median of the last ones. */
  recentMs(): number;
  readonly lastMs: number[];
}

/**
 * Where the axis of a share (an accuracy, an mAP) ends, by its largest value: nothing is above 1, and high values are read against that, as
 * are those that are all 0; low ones among themselves, and what is above 1 is no share.
 */
export const topOfShares = (largest: number): number | undefined =>
  largest === 0 || (largest > 0.5 && largest <= 1) ? 1 : undefined;

const rememberedMs = 60;

export function emptyCurves(): Curves {
  const lastMs: number[] = [];
  return {
    loss: new Curve(),
    parts: new Map(),
    learningRate: new Curve(),
    imagesPerSecond: new Curve(),
    gpuBytes: new Curve(),
    gradNorm: new Curve(),
    metrics: new Map(),
    lastMs,
    recentMs: () => lastMs.toSorted((a, b) => a - b)[Math.floor(lastMs.length / 2)] ?? 0,
  };
}

export function takeEvent(curves: Curves, event: RunEvent): void {
  if (event.type === 'step') {
    curves.loss.add(event.step, event.loss);
    for (const [name, value] of Object.entries(event.parts)) named(curves.parts, name).add(event.step, value);
    curves.learningRate.add(event.step, event.learning_rate);
    curves.imagesPerSecond.add(event.step, event.images_per_second);
    curves.gpuBytes.add(event.step, event.gpu_bytes);
    curves.gradNorm.add(event.step, event.grad_norm);
    curves.lastMs.push(event.ms);
    if (curves.lastMs.length > rememberedMs) curves.lastMs.shift();
  } else if (event.type === 'evaluation' && event.split === 'val' && event.step !== undefined) {
    for (const [name, value] of Object.entries(event.metrics)) {
      named(curves.metrics, name).add(event.step, value);
    }
  } else if (event.type === 'resumed') {
    for (const curve of everyCurve(curves)) curve.cut(event.step);
  }
}

function* everyCurve(curves: Curves): Generator<Curve> {
  const { loss, learningRate, imagesPerSecond, gpuBytes, gradNorm } = curves;
  yield* [loss, learningRate, imagesPerSecond, gpuBytes, gradNorm];
  yield* curves.parts.values();
  yield* curves.metrics.values();
}

function named(curves: Map<string, Curve>, name: string): Curve {
  const known = curves.get(name);
  if (known) return known;
  const made = new Curve();
  curves.set(name, made);
  return made;
}
