/**
 * YOLO: a text file per image, a line per object: the class's number from 0, then either the box (centre x,
 * centre y, width, height) or a polygon (x, y, …), all as shares of the picture's width and height. Class
 * names stand in `data.yaml` (`names:` as a list or as a map) or, one per line, in `classes.txt`.
 */
import { parse as parseYaml } from 'yaml';
import { type BoxXywh, counted, DataError, type Size } from '../../core/index.ts';
import { boundsOfPolygons } from '../rle/index.ts';

export interface YoloObject {
  readonly classIndex: number;
  /** In pixels of `size`. */
  readonly bbox: BoxXywh;
  readonly polygon?: readonly number[];
}

/** The objects of the right lines; `onProblem` is told of each of the others (`line 3: expected …`). */
export function parseYoloLabels(
  text: string,
  { height, width }: Size,
  onProblem: (message: string) => void,
): YoloObject[] {
  const objects: YoloObject[] = [];
  for (const [row, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const [classIndex = Number.NaN, ...values] = line.trim().split(/\s+/).map(Number);
    const good =
      Number.isInteger(classIndex) &&
      classIndex >= 0 &&
      values.every(Number.isFinite) &&
      (values.length === 4 || (values.length >= 6 && values.length % 2 === 0));
    if (!good) {
      onProblem(`line ${row + 1}: expected a class number and 4 or at least 6 shares, received "${line}"`);
    } else if (values.length === 4) {
      const [x, y, w, h] = values as [number, number, number, number];
      objects.push({ classIndex, bbox: [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height] });
    } else {
      const polygon = values.map((value, i) => value * (i % 2 === 0 ? width : height));
      objects.push({ classIndex, bbox: boundsOfPolygons([polygon]), polygon });
    }
  }
  return objects;
}

/** Class names by number, from `data.yaml` or `classes.txt` (by the ending of `source`). */
export function parseYoloClasses(text: string, source: string): readonly string[] {
  if (!/\.ya?ml$/i.test(source)) {
    const names = text
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== '');
    if (names.length === 0) throw invalid(source, 'class names, one per line', ['the file is empty']);
    return names;
  }
  let names: unknown;
  try {
    names = (parseYaml(text) as { readonly names?: unknown } | null)?.names;
  } catch (error) {
    throw invalid(source, 'YAML with `names`', [error instanceof Error ? error.message : String(error)]);
  }
  if (Array.isArray(names) && names.length > 0) return names.map(String);
  if (typeof names === 'object' && names !== null && !Array.isArray(names)) {
    const entries = Object.entries(names).map(([number, name]) => [Number(number), String(name)] as const);
    const byNumber = new Map(entries);
    const list = Array.from({ length: entries.length }, (_, number) => byNumber.get(number));
    if (list.length > 0 && list.every((name) => name !== undefined)) return list;
  }
  throw invalid(source, 'class names', ['names: expected a list, or a map from 0, 1, … to names']);
}

function invalid(source: string, what: string, problems: readonly string[]): DataError {
  return new DataError({
    code: 'yolo_invalid',
    expected: `YOLO ${what} in ${source}`,
    received: counted(problems.length, 'problem'),
    fix: 'correct what is named',
    problems,
  });
}
