import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataError, derive } from '../core/index.ts';
import { filtersByCode, resizeBytes } from './index.ts';
import { resample } from './resize.ts';
import { tapsFor } from './taps.ts';

const random = derive(1, 'resize.test');
const noise = (length: number): Uint8Array => Uint8Array.from({ length }, () => random.integer(256));

describe('resize', () => {
  it('gives the same bytes through the kernels as through the plain loops', () => {
    for (let round = 0; round < 120; round++) {
      const from = { height: 1 + random.integer(70), width: 1 + random.integer(70) };
      const to = { height: 1 + random.integer(70), width: 1 + random.integer(70) };
      const filter = filtersByCode[1 + random.integer(5)]! as Parameters<typeof tapsFor>[2];
      const data = noise(from.height * from.width * 3);
      let plain = data;
      if (to.width !== from.width)
        plain = resample(plain, from.height, tapsFor(from.width, to.width, filter), 3);
      if (to.height !== from.height)
        plain = resample(plain, 1, tapsFor(from.height, to.height, filter), to.width * 3);
      expect(resizeBytes(data, from, 3, to, filter), `${filter} ${JSON.stringify({ from, to })}`).toEqual(
        plain,
      );
    }
  });

  it('treats channels alike, however many there are', () => {
    const from = { height: 23, width: 31 };
    const to = { height: 40, width: 11 };
    const data = noise(from.height * from.width * 3);
    for (const filter of filtersByCode) {
      const together = resizeBytes(data, from, 3, to, filter);
      for (let c = 0; c < 3; c++) {
        const alone = resizeBytes(
          data.filter((_, i) => i % 3 === c),
          from,
          1,
          to,
          filter,
        );
        expect(alone).toEqual(together.filter((_, i) => i % 3 === c));
      }
    }
  });

  it('keeps a flat picture flat and clips overshoot', () => {
    const flat = new Uint8Array(30 * 20 * 3).fill(255);
    for (const filter of filtersByCode) {
      expect(
        new Set(resizeBytes(flat, { height: 30, width: 20 }, 3, { height: 7, width: 55 }, filter)),
      ).toEqual(new Set([255]));
    }
    const edge = Uint8Array.from({ length: 12 }, (_, i) => (i < 6 ? 0 : 255));
    const sharp = resizeBytes(edge, { height: 1, width: 4 }, 3, { height: 1, width: 16 }, 'lanczos');
    expect(Math.min(...sharp)).toBe(0);
    expect(Math.max(...sharp)).toBe(255);
  });

  it('resizes the second picture right after a larger one used the same memory', () => {
    const small = noise(5 * 4 * 3);
    const before = resizeBytes(small, { height: 5, width: 4 }, 3, { height: 9, width: 7 }, 'bicubic');
    resizeBytes(
      noise(900 * 700 * 3),
      { height: 900, width: 700 },
      3,
      { height: 100, width: 1200 },
      'lanczos',
    );
    expect(resizeBytes(small, { height: 5, width: 4 }, 3, { height: 9, width: 7 }, 'bicubic')).toEqual(
      before,
    );
  });

  it('refuses a side of no pixels', () => {
    const call = () =>
      resizeBytes(new Uint8Array(12), { height: 2, width: 2 }, 3, { height: 0, width: 9 }, 'box');
    expect(call).toThrow(DataError);
    expect(call).toThrow(/2 x 2 to 0 x 9/);
  });

  it('carries the kernels that its source assembles to', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ocelli-wat-'));
    try {
      cpSync('src/vision/kernels/resize.wat', join(folder, 'resize.wat'));
      execFileSync(process.execPath, ['scripts/build-wasm.mjs', join(folder, 'resize.wat')]);
      const assembled = readFileSync(join(folder, 'resize.wasm.ts'), 'utf8');
      expect(assembled).toBe(readFileSync('src/vision/kernels/resize.wasm.ts', 'utf8'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
