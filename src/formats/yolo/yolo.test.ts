import { expect, test } from 'vitest';
import { parseYoloClasses, parseYoloLabels } from './index.ts';

const size = { height: 100, width: 200 };
const unexpected = (message: string): never => {
  throw new Error(message);
};

test('boxes and outlines in pixels', () => {
  const text = '0 0.5 0.5 0.1 0.2\n1 0.1 0.1 0.3 0.1 0.3 0.5\n';
  expect(parseYoloLabels(text, size, unexpected)).toEqual([
    { classIndex: 0, bbox: [90, 40, 20, 20] },
    { classIndex: 1, bbox: [20, 10, 40, 40], polygon: [20, 10, 60, 10, 60, 50] },
  ]);
});

test('an outline of 200,000 corners', () => {
  const corners = Array.from({ length: 200_000 }, (_, i) => `${(i % 100) / 100} ${(i % 50) / 100}`);
  const [object] = parseYoloLabels(`0 ${corners.join(' ')}`, size, unexpected);
  expect(object!.bbox).toEqual([0, 0, 198, 49]);
});

test.each([
  ['a billion names by aliases', `a: &a [x]\n${aliases(12)}names: *k\n`],
  ['a name for `__proto__` alone', 'names:\n  __proto__: cat\n'],
])('class names that are %s', (_, text) => {
  const read = (): unknown => parseYoloClasses(text, 'data.yaml');
  expect(read).toThrow(expect.objectContaining({ code: 'yolo_invalid' }));
});

/** Each list holds the one before ten times. */
function aliases(levels: number): string {
  const names = Array.from({ length: levels }, (_, i) => String.fromCharCode(97 + i));
  return names
    .slice(1)
    .map((name, i) => `${name}: &${name} [${`*${names[i]},`.repeat(10)}]\n`)
    .join('');
}
