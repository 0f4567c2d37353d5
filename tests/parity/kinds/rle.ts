/** Run lengths, polygons, merges and overlaps against pycocotools: strings and masks exact, IoU to 1e-15. */
import type { BoxXywh } from '../../../src/core/index.ts';
import {
  areaOf,
  boxOf,
  boxToRuns,
  countsFromString,
  countsToString,
  decodeMask,
  encodeMask,
  iouOfBoxes,
  iouOfRuns,
  mergeRuns,
  polygonsToRuns,
  polygonToRuns,
  type Runs,
  rleToRuns,
} from '../../../src/formats/rle/index.ts';
import { type KindHandler, type Reporter, readJson } from '../case.ts';

interface Vector {
  readonly id: number;
  readonly op: string;
  readonly size: readonly [number, number];
  readonly height: number;
  readonly width: number;
  readonly rows: readonly string[];
  readonly counts: readonly number[];
  readonly counts_string: string;
  readonly polygons: readonly (readonly number[])[];
  readonly parts: readonly string[];
  readonly bbox_in: BoxXywh;
  readonly inputs: readonly string[];
  readonly intersect: boolean;
  readonly dt: readonly (string & BoxXywh)[];
  readonly gt: readonly (string & BoxXywh)[];
  readonly iscrowd: readonly number[];
  readonly iou: readonly (readonly number[])[];
}

/** What a vector says about its result; everything else is its input. */
const expectations = [
  'counts_string',
  'area',
  'bbox',
  'decoded_counts',
  'parts',
  'iou',
  'counts',
  'size',
] as const;

const read = (size: readonly [number, number], counts: string): Runs => rleToRuns({ size, counts });

const results: Readonly<Record<string, (vector: Vector) => Record<string, unknown>>> = {
  encode: (vector) => {
    const [height, width] = vector.size;
    const pixels = Uint8Array.from(vector.rows.join(''), Number);
    const runs = encodeMask(pixels, { height, width });
    return { ...described(runs), pixels: decodeMask(runs).join('') === pixels.join('') };
  },
  counts_to_string: (vector) => {
    const runs = read(vector.size, vector.counts_string);
    const counts = [...countsFromString(vector.counts_string)];
    return { ...described(runs), counts, counts_string: countsToString(vector.counts) };
  },
  decode: (vector) => {
    const runs = read(vector.size, vector.counts_string);
    return described(encodeMask(decodeMask(runs), runs));
  },
  polygon: (vector) => {
    const parts = vector.polygons.map((polygon) => countsToString(polygonToRuns(polygon, vector).counts));
    return { ...described(polygonsToRuns(vector.polygons, vector)), parts };
  },
  bbox: (vector) => described(boxToRuns(vector.bbox_in, vector)),
  merge: (vector) => {
    const masks = vector.inputs.map((counts) => read(vector.size, counts));
    return described(mergeRuns(masks, vector.intersect ? 'intersection' : 'union'));
  },
};

function described(runs: Runs): Record<string, unknown> {
  return {
    size: [runs.height, runs.width],
    counts_string: countsToString(runs.counts),
    area: areaOf(runs),
    bbox: boxOf(runs),
    decoded_counts: [...runs.counts],
  };
}

export const rle: KindHandler = async (parityCase, report) => {
  for (const vector of await readJson<Vector[]>(parityCase, 'cases.json')) {
    const name = `${vector.id}.${vector.op}`;
    if (vector.op === 'error') report.equal(name, rejects(vector), 'DataError');
    else if (vector.op === 'iou_rle' || vector.op === 'iou_bbox') compareOverlaps(name, vector, report);
    else if (results[vector.op]) compare(name, vector, results[vector.op]!(vector), report);
    else
      report.fail(
        name,
        `unknown operation; known: ${Object.keys(results).join(', ')}, error, iou_rle, iou_bbox`,
      );
  }
};

function compare(name: string, vector: Vector, result: Record<string, unknown>, report: Reporter): void {
  for (const key of expectations) {
    if (key in vector) report.equal(`${name}.${key}`, result[key], vector[key as keyof Vector]);
  }
  if ('pixels' in result) report.equal(`${name}.pixels`, result.pixels, true);
}

function compareOverlaps(name: string, vector: Vector, report: Reporter): void {
  const { dt, gt, iscrowd, iou } = vector;
  const actual =
    vector.op === 'iou_bbox'
      ? iouOfBoxes(dt.flat(), gt.flat(), iscrowd)
      : iouOfRuns(
          dt.map((counts) => read(vector.size, counts)),
          gt.map((counts) => read(vector.size, counts)),
          iscrowd,
        );
  report.close(`${name}.iou`, actual, iou.flat(), { atol: 1e-15 });
}

function rejects(vector: Vector): string {
  try {
    polygonsToRuns(vector.polygons, vector);
    return 'no error';
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}
