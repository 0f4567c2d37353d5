/**
 * Mixup (Zhang et al., 2018) and CutMix (Yun et al., 2019) on a finished batch, for classification: each image
 * is blended with another one of the batch, or gets a rectangle of it, and its target distribution is blended
 * by the same share. One share and one rectangle per batch, as in timm; with both on, a coin decides.
 * Everything follows from (seed, step, part), so a resumed run mixes the same.
 */
import { ConfigError, derive, permutation, type Random } from '../core/index.ts';
import type { Batch } from '../data/index.ts';
import type { HostArrays } from '../tasks/index.ts';

export interface MixOptions {
  /** The Beta distribution's parameter; 0 turns it off. */
  readonly mixupAlpha: number;
  readonly cutmixAlpha: number;
}

/** Rows `i` and `partner[i]` are mixed; `share` is what remains of row i. */
interface Mix {
  readonly partner: Uint32Array;
  readonly share: number;
}

/** The batch with mixed pictures, and the mixing to apply to its targets. Undefined: nothing to mix. */
export function mixBatch(
  batch: Batch,
  { mixupAlpha, cutmixAlpha }: MixOptions,
  seed: number,
  step: number,
  part: number,
): { readonly batch: Batch; readonly mix: Mix } | undefined {
  if (batch.count < 2 || (mixupAlpha <= 0 && cutmixAlpha <= 0)) return undefined;
  const random = derive(seed, 'mixup', step, part);
  const cut = cutmixAlpha > 0 && (mixupAlpha <= 0 || random.next() < 0.5);
  const alpha = cut ? cutmixAlpha : mixupAlpha;
  const share = beta(alpha, alpha, random);
  const partner = permutation(batch.count, random);
  const pixels = cut ? cutAndPaste(batch, partner, share, random) : blend(batch, partner, share);
  return {
    batch: { ...batch, pixelValues: pixels.values },
    mix: { partner, share: pixels.share },
  };
}

/** Blends the rows of every float target, as the pictures were blended. */
export function mixTargets(targets: HostArrays, { partner, share }: Mix, batchSize: number): HostArrays {
  const mixed = Object.entries(targets).map(([name, target]) => {
    if (target.shape[0] !== batchSize || !(target.data instanceof Float32Array)) {
      throw new ConfigError({
        code: 'mixup_needs_distributions',
        expected: 'a task whose targets are distributions over classes, for mixup and cutmix',
        received: `the target ${name} [${target.shape}]`,
        fix: 'use mixup_alpha and cutmix_alpha with task_type classification only',
      });
    }
    const width = target.data.length / batchSize;
    const data = target.data.slice();
    partner.forEach((other, row) => {
      for (let i = 0; i < width; i++) {
        const own = target.data[row * width + i]!;
        data[row * width + i] = share * own + (1 - share) * target.data[other * width + i]!;
      }
    });
    return [name, { shape: target.shape, data }] as const;
  });
  return Object.fromEntries(mixed);
}

interface MixedPixels {
  readonly values: Float32Array;
  readonly share: number;
}

function blend(batch: Batch, partner: Uint32Array, share: number): MixedPixels {
  const rowLength = batch.pixelValues.length / batch.shape[0];
  const values = batch.pixelValues.slice();
  partner.forEach((other, row) => {
    const from = other * rowLength;
    const to = row * rowLength;
    for (let i = 0; i < rowLength; i++) {
      values[to + i] = share * batch.pixelValues[to + i]! + (1 - share) * batch.pixelValues[from + i]!;
    }
  });
  return { values, share };
}

/** A rectangle of area 1 − share around a random centre, cut at the border; the true share comes back. */
function cutAndPaste(batch: Batch, partner: Uint32Array, share: number, random: Random): MixedPixels {
  const [, channels, height, width] = batch.shape;
  const side = Math.sqrt(1 - share);
  const halfHeight = Math.floor((height * side) / 2);
  const halfWidth = Math.floor((width * side) / 2);
  const centerY = random.integer(height);
  const centerX = random.integer(width);
  const [top, bottom] = [Math.max(0, centerY - halfHeight), Math.min(height, centerY + halfHeight)];
  const [left, right] = [Math.max(0, centerX - halfWidth), Math.min(width, centerX + halfWidth)];
  const values = batch.pixelValues.slice();
  partner.forEach((other, row) => {
    for (let channel = 0; channel < channels; channel++) {
      for (let y = top; y < bottom; y++) {
        const to = ((row * channels + channel) * height + y) * width;
        const from = ((other * channels + channel) * height + y) * width;
        values.set(batch.pixelValues.subarray(from + left, from + right), to + left);
      }
    }
  });
  return { values, share: 1 - ((bottom - top) * (right - left)) / (height * width) };
}

/** A sample of the Beta distribution, as a ratio of two Gamma samples. */
function beta(a: number, b: number, random: Random): number {
  const x = gamma(a, random);
  const y = gamma(b, random);
  return x + y > 0 ? x / (x + y) : 0.5;
}

/** Marsaglia & Tsang (2000); below 1 by Γ(a) = Γ(a + 1) · U^(1/a). */
function gamma(shape: number, random: Random): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random.next()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}
