import { describe, expect, it } from 'vitest';
import type { Raster } from '../../core/index.ts';
import { type BoxMark, classColor, drawBars, drawBoxes, sideBySide } from './index.ts';

const plain = (height: number, width: number, value: number): Raster => ({
  height,
  width,
  data: new Uint8Array(height * width * 3).fill(value),
});

function pixelAt({ data, width }: Raster, x: number, y: number): string {
  const at = (y * width + x) * 3;
  return `#${[...data.subarray(at, at + 3)].map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}

const mark = (more: Partial<BoxMark> = {}): BoxMark => ({
  box: [100, 120, 300, 280],
  color: classColor(3),
  ...more,
});

describe('drawBoxes', () => {
  it('draws a line in the colour of the class, and leaves the picture that it was given', () => {
    for (const ground of [0, 255]) {
      const image = plain(400, 500, ground);
      const drawn = drawBoxes(image, [mark()]);
      expect(pixelAt(drawn, 200, 120)).toBe(classColor(3));
      expect(pixelAt(drawn, 300, 200)).toBe(classColor(3));
      expect(pixelAt(drawn, 200, 200)).toBe(pixelAt(image, 0, 0));
      expect(new Set(image.data)).toEqual(new Set([ground]));
    }
  });

  it('writes the label that it is given, letter by letter', () => {
    const pictures = ['crab 97', 'crab 91', 'Größe', 'Ωμέγα', 'клетка'].map((text) =>
      drawBoxes(plain(400, 500, 90), [mark({ text })]),
    );
    const ink = pictures.map(({ data }) => data.filter((value) => value < 40).length);
    for (const count of ink) expect(count).toBeGreaterThan(200);
    expect(new Set(pictures.map(({ data }) => Buffer.from(data).toString('base64'))).size).toBe(
      pictures.length,
    );
  });

  it('keeps boxes and labels inside, and labels apart', () => {
    const outside = mark({ box: [-50, -50, 900, 900], text: 'outside' });
    const drawn = drawBoxes(plain(400, 500, 90), [outside]);
    expect(pixelAt(drawn, 499, 200)).toBe(classColor(3));
    const two = drawBoxes(plain(400, 500, 90), [
      mark({ text: 'first' }),
      mark({ text: 'second', color: classColor(4) }),
    ]);
    const colors = new Set(Array.from({ length: 400 }, (_, y) => pixelAt(two, 104, y)));
    expect(colors).toContain(classColor(3));
    expect(colors).toContain(classColor(4));
  });

  it('enlarges small pictures and their boxes by a whole factor', () => {
    const drawn = drawBoxes(plain(40, 60, 0), [{ box: [10, 10, 30, 30], color: '#ff0000' }]);
    expect([drawn.height, drawn.width]).toEqual([320, 480]);
    expect(pixelAt(drawn, 80, 160)).toBe('#ff0000');
  });
});

describe('panels', () => {
  it('draw a bar as long as its value', () => {
    const drawn = drawBars(plain(320, 400, 0), [{ text: 'ants', value: 0.5, color: '#00ff00' }]);
    expect(drawn.width).toBe(400);
    const longest = Math.max(
      ...Array.from(
        { length: drawn.height },
        (_, y) =>
          Array.from({ length: 400 }, (__, x) => pixelAt(drawn, x, y) === '#00ff00').filter(Boolean).length,
      ),
    );
    expect(longest).toBeGreaterThan(180);
    expect(longest).toBeLessThan(200);
  });

  it('stand side by side under their titles', () => {
    const row = sideBySide([{ image: plain(320, 400, 10), title: 'left' }, { image: plain(330, 100, 20) }]);
    expect(row.height).toBeGreaterThan(330);
    expect(pixelAt(row, 0, row.height - 12)).toBe('#0a0a0a');
    expect(pixelAt(row, row.width - 1, row.height - 1)).toBe('#141414');
  });
});

describe('classColor', () => {
  it('differs from label to label and is light enough for black letters', () => {
    const colors = Array.from({ length: 100 }, (_, label) => classColor(label));
    expect(new Set(colors).size).toBe(100);
    for (const color of colors) {
      const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255);
      expect(0.2126 * r! ** 2.2 + 0.7152 * g! ** 2.2 + 0.0722 * b! ** 2.2, color).toBeGreaterThan(0.3);
    }
  });
});
