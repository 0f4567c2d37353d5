/**
 * PASCAL VOC: one XML file per image. Corners are pixel numbers from 1 and belong to the box, so the box
 * [xmin, ymin, xmax, ymax] covers xmin − 1 … xmax of the continuous axis, as the VOC devkit counts.
 */
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { type BoxXywh, counted, DataError } from '../../core/index.ts';

export interface VocObject {
  readonly name: string;
  readonly bbox: BoxXywh;
  readonly difficult: boolean;
  readonly truncated: boolean;
}

export interface VocAnnotation {
  /** As the XML says; '' where it doesn't. */
  readonly fileName: string;
  /** 0 where the XML doesn't say. */
  readonly height: number;
  readonly width: number;
  readonly objects: readonly VocObject[];
}

type Node = Readonly<Record<string, unknown>>;

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  isArray: (name) => name === 'object' || name === 'part',
  // Entities of the document's own could be made to grow without end.
  processEntities: { enabled: true, maxTotalExpansions: 100 },
});

/** Throws a DataError `voc_invalid` that names what is wrong, for XML that is cut off or lacks a field. */
export function parseVoc(bytes: Uint8Array | string, source: string): VocAnnotation {
  const text = typeof bytes === 'string' ? bytes : new TextDecoder().decode(bytes);
  const valid = XMLValidator.validate(text);
  if (valid !== true) throw invalid(source, [`line ${valid.err.line}: ${valid.err.msg}`]);
  const root = parsed(text, source).annotation;
  if (!isNode(root)) throw invalid(source, ['annotation: expected as the outermost element']);
  const problems: string[] = [];
  const size = isNode(root.size) ? root.size : {};
  const annotation: VocAnnotation = {
    fileName: textOf(root.filename) ?? '',
    height: numberOf(size.height) ?? 0,
    width: numberOf(size.width) ?? 0,
    objects: listOf(root.object).map((node, i) => readObject(node, `object[${i}]`, problems)),
  };
  if (problems.length > 0) throw invalid(source, problems);
  return annotation;
}

/** The parser has limits of its own: how often entities may be replaced, how deep elements may lie. */
function parsed(text: string, source: string): Node {
  try {
    return parser.parse(text) as Node;
  } catch (error) {
    throw invalid(source, [error instanceof Error ? error.message : String(error)]);
  }
}

function readObject(node: unknown, path: string, problems: string[]): VocObject {
  const item = isNode(node) ? node : {};
  const box = isNode(item.bndbox) ? item.bndbox : {};
  const name = textOf(item.name);
  if (name === undefined) problems.push(`${path}.name: expected a class name`);
  const [left = 0, top = 0, right = 0, bottom = 0] = ['xmin', 'ymin', 'xmax', 'ymax'].map((side) => {
    const value = numberOf(box[side]);
    if (value === undefined) {
      problems.push(`${path}.bndbox.${side}: expected a number, received ${textOf(box[side]) ?? 'nothing'}`);
    }
    return value ?? 0;
  });
  return {
    name: name ?? '',
    bbox: [left - 1, top - 1, right - left + 1, bottom - top + 1],
    difficult: textOf(item.difficult) === '1',
    truncated: textOf(item.truncated) === '1',
  };
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value];
const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;

function numberOf(value: unknown): number | undefined {
  const text = textOf(value);
  const number = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : undefined;
}

function invalid(source: string, problems: readonly string[]): DataError {
  return new DataError({
    code: 'voc_invalid',
    expected: `a PASCAL VOC annotation in ${source}`,
    received: counted(problems.length, 'problem'),
    fix: 'correct the elements that are named',
    problems,
  });
}
