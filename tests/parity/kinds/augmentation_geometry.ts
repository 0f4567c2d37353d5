/**
 * Boxes, polygons, masks and keypoints through exact transformations. Of the two conventions for keypoints in
 * the file Ocelli documents COCO's, pixel indices (src/data/augment/transform.ts); the other is not compared.
 */
import type { BoxXywh, Size } from '../../../src/core/index.ts';
import {
  areaScale,
  clipBox,
  cropTo,
  flipHorizontally,
  flipVertically,
  followedBy,
  padBy,
  resizeTo,
  rotateQuarters,
  type Transform,
  transformBox,
  transformKeypoints,
  transformMask,
  transformPoints,
  transpose,
} from '../../../src/data/augment/index.ts';
import {
  areaOf,
  boxOf,
  decodeMask,
  encodeMask,
  polygonToRuns,
  type Rle,
  type Runs,
  rleToRuns,
  runsToRle,
} from '../../../src/formats/rle/index.ts';
import { type KindHandler, type Reporter, readJson } from '../case.ts';

type Arguments = Readonly<Record<string, unknown>>;
type Window = Size & { readonly x: number; readonly y: number };
type Step = string | Readonly<Record<string, Arguments>>;

interface Expected {
  readonly bbox: BoxXywh | null;
  readonly bbox_visible_fraction: number;
  readonly polygon_unclipped: readonly number[];
  readonly polygon_mask: Rle;
  readonly polygon_area: number;
  readonly polygon_bbox: BoxXywh | null;
  readonly rle: Rle;
  readonly rle_area: number;
  readonly rle_bbox: BoxXywh | null;
}

interface Vector {
  readonly transform: string;
  readonly args: Arguments;
  readonly input_size: readonly [number, number];
  readonly output_size: readonly [number, number];
  readonly annotations: readonly {
    readonly bbox: BoxXywh;
    readonly polygon: readonly number[];
    readonly rle: Rle;
    readonly expected: Expected;
  }[];
  readonly float_box: {
    readonly bbox: BoxXywh;
    readonly unclipped: BoxXywh;
    readonly clipped: BoxXywh | null;
  };
  readonly float_polygon: { readonly polygon: readonly number[]; readonly expected: readonly number[] };
  readonly keypoints: {
    readonly input: readonly number[];
    readonly flip_pairs: readonly (readonly [number, number])[];
    readonly pixel_index: readonly number[];
    readonly pixel_index_swapped: readonly number[];
  };
}

const makers: Readonly<Record<string, (size: Size, args: Arguments) => Transform>> = {
  hflip: flipHorizontally,
  vflip: flipVertically,
  transpose,
  rotate90_ccw: (size) => rotateQuarters(size, 1),
  rotate180: (size) => rotateQuarters(size, 2),
  rotate90_cw: (size) => rotateQuarters(size, 3),
  crop: (size, args) => cropTo(size, args as unknown as Window),
  pad: (size, args) => padBy(size, args as unknown as Parameters<typeof padBy>[1]),
};

function makeTransform(name: string, args: Arguments, size: Size): Transform | undefined {
  const steps = args.steps as readonly Step[] | undefined;
  if (steps) {
    return steps.reduce<Transform | undefined>((done, step) => {
      const [stepName, stepArgs] = typeof step === 'string' ? [step, {}] : Object.entries(step)[0]!;
      const next = makeTransform(stepName, stepArgs, done?.to ?? size);
      return done && next ? followedBy(done, next) : next;
    }, undefined);
  }
  if (name.startsWith('resize')) return resizeTo(size, args as unknown as Size);
  return makers[name]?.(size, args);
}

const exact = { atol: 0 };
const float = { atol: 1e-9 };

export const augmentationGeometry: KindHandler = async (parityCase, report) => {
  const vectors = await readJson<Vector[]>(parityCase, 'cases.json');
  vectors.forEach((vector, i) => {
    const name = `${i}.${vector.transform}`;
    const [height, width] = vector.input_size;
    const t = makeTransform(vector.transform, vector.args, { height, width });
    if (!t) report.fail(name, `unknown transformation; known: ${Object.keys(makers).join(', ')}, resize*`);
    else compareVector(name, vector, t, report);
  });
};

function compareVector(name: string, vector: Vector, t: Transform, report: Reporter): void {
  report.equal(`${name}.output_size`, [t.to.height, t.to.width], vector.output_size);
  vector.annotations.forEach((annotation, i) => {
    compareObject(`${name}.${i}`, annotation, t, report);
  });
  const { float_box: box, float_polygon: polygon, keypoints } = vector;
  const moved = transformBox(box.bbox, t);
  const clipped = clipBox(moved, t.to);
  report.close(`${name}.float_box.unclipped`, moved, box.unclipped, float);
  if (box.clipped === null) report.equal(`${name}.float_box.clipped`, clipped ?? null, null);
  else report.close(`${name}.float_box.clipped`, clipped, box.clipped, float);
  report.close(`${name}.float_polygon`, transformPoints(polygon.polygon, t), polygon.expected, float);
  const { input, flip_pairs: pairs } = keypoints;
  report.close(`${name}.keypoints`, transformKeypoints(input, t), keypoints.pixel_index, exact);
  report.close(
    `${name}.keypoints_swapped`,
    transformKeypoints(input, t, pairs),
    keypoints.pixel_index_swapped,
    float,
  );
}

function compareObject(
  name: string,
  { bbox, polygon, rle, expected }: Vector['annotations'][number],
  t: Transform,
  report: Reporter,
): void {
  const [, , boxWidth, boxHeight] = bbox;
  const clipped = clipBox(transformBox(bbox, t), t.to);
  const visible = clipped ? (clipped[2] * clipped[3]) / (boxWidth * boxHeight * areaScale(t)) : 0;
  report.equal(`${name}.bbox`, clipped ?? null, expected.bbox);
  report.close(`${name}.bbox_visible_fraction`, [visible], [expected.bbox_visible_fraction], float);
  const points = transformPoints(polygon, t);
  report.close(`${name}.polygon_unclipped`, points, expected.polygon_unclipped, float);
  compareMask(`${name}.polygon`, polygonToRuns(points, t.to), expected.polygon_mask, report);
  report.equal(`${name}.polygon_area`, areaOf(polygonToRuns(points, t.to)), expected.polygon_area);
  report.equal(`${name}.polygon_bbox`, boundsOrNull(polygonToRuns(points, t.to)), expected.polygon_bbox);
  const mask = encodeMask(transformMask(decodeMask(rleToRuns(rle)), t), t.to);
  compareMask(`${name}.rle`, mask, expected.rle, report);
  report.equal(`${name}.rle_area`, areaOf(mask), expected.rle_area);
  report.equal(`${name}.rle_bbox`, boundsOrNull(mask), expected.rle_bbox);
}

function compareMask(name: string, runs: Runs, expected: Rle, report: Reporter): void {
  report.equal(`${name}_mask`, runsToRle(runs), { size: expected.size, counts: expected.counts });
}

const boundsOrNull = (runs: Runs): BoxXywh | null => (areaOf(runs) === 0 ? null : boxOf(runs));
