/**
 * COCO evaluations: ground truth and results against pycocotools' numbers, arrays and matches. With
 * `coco_eval_generated` the data come from the generator that lies beside the case.
 */
import { files } from '#platform';
import {
  type CocoEvaluation,
  type CocoFileOptions,
  type CocoResult,
  type CocoTruthFile,
  evaluateCoco,
  type IouType,
} from '../../../src/metrics/index.ts';
import { type KindHandler, type ParityCase, type Reporter, readBytes, readJson } from '../case.ts';
import { readTensors } from '../tensors.ts';

interface Expected {
  readonly iou_type: IouType;
  readonly params: {
    readonly useCats: number;
    readonly maxDets: readonly number[];
    readonly areaRng: readonly (readonly [number, number])[];
    readonly areaRngLbl: readonly string[];
    readonly iouThrs: readonly number[];
    readonly n_images: number;
  };
  readonly stats_names: readonly string[];
  readonly stats: readonly number[];
  readonly stats_by_name: Readonly<Record<string, number>>;
  readonly per_category: readonly Readonly<Record<string, number | null>>[];
  readonly set_params?: {
    readonly useCats?: number;
    readonly imgIds?: readonly number[];
    readonly catIds?: readonly number[];
    readonly maxDets?: readonly number[];
    readonly iouThrs?: readonly number[];
    readonly recThrs?: readonly number[];
    readonly areaRng?: readonly (readonly [number, number])[];
    readonly areaRngLbl?: readonly string[];
  };
  readonly seed?: number;
  readonly n_categories?: number;
  readonly checksum?: number;
  readonly counts?: { readonly images: number; readonly annotations: number; readonly detections: number };
}

const numbers = { atol: 1e-9 };
const curves = { atol: 1e-12 };

export const cocoEval: KindHandler = async (parityCase, report) => {
  const expected = await readJson<Expected>(parityCase, 'expected.json');
  const truth = await readJson<CocoTruthFile>(parityCase, 'gt.json');
  const results = await readJson<readonly CocoResult[]>(parityCase, 'dt.json');
  await compare(parityCase, report, expected, truth, results);
};

interface Generated {
  readonly gt: CocoTruthFile;
  readonly detections: readonly CocoResult[];
  readonly checksum: number;
}

/**
 * Runs a script of the case, in Node and in a browser alike. Used by hand it writes files as well: that part is
 * Node's and is not wanted here.
 */
function importScript(
  bytes: Uint8Array,
): Promise<{ generate(seed: number, images: number, categories?: number): Generated }> {
  const text = new TextDecoder().decode(bytes).replaceAll(/^import .* from 'node:.*';?$/gm, '');
  const url = `data:text/javascript,${encodeURIComponent(`const process = { argv: [] };\n${text}`)}`;
  return import(/* @vite-ignore */ url) as ReturnType<typeof importScript>;
}

export const cocoEvalGenerated: KindHandler = async (parityCase, report) => {
  const expected = await readJson<Expected & { n_images: number }>(parityCase, 'expected.json');
  report.expect('checksum', 'counts');
  const script = (await files.list(parityCase.folder)).find(({ name }) => name.endsWith('.mjs'));
  if (!script) {
    report.fail('data', 'expected a generator (*.mjs) beside the case');
    return;
  }
  const { generate } = await importScript(await readBytes(parityCase, script.name));
  const data = generate(expected.seed!, expected.n_images, expected.n_categories);
  report.equal('checksum', data.checksum, expected.checksum);
  report.equal(
    'counts',
    {
      images: data.gt.images.length,
      annotations: data.gt.annotations.length,
      detections: data.detections.length,
    },
    expected.counts,
  );
  await compare(parityCase, report, expected, data.gt, data.detections);
};

async function compare(
  parityCase: ParityCase,
  report: Reporter,
  expected: Expected,
  truth: CocoTruthFile,
  results: readonly CocoResult[],
): Promise<void> {
  const files = (parityCase.readme.files ?? {}) as Record<string, string>;
  const stored = Object.keys(files);
  report.expect('params', 'stats_names', 'stats', 'per_category');
  const evaluation = evaluateCoco(truth, results, {
    ...optionsOf(expected),
    keepMatches: stored.includes('eval_imgs.json'),
  });
  compareParameters(report, evaluation, expected);
  report.equal('stats_names', evaluation.statNames, expected.stats_names);
  report.close('stats', evaluation.stats, expected.stats, numbers);
  for (const [name, value] of Object.entries(expected.stats_by_name)) {
    const actual = evaluation.stats[evaluation.statNames.indexOf(name)];
    report.close(`stats.${name}`, actual === undefined ? undefined : [actual], [value], numbers);
  }
  compareCategories(report, evaluation, expected, truth);
  if (stored.includes('arrays.safetensors')) await compareArrays(parityCase, report, evaluation);
  if (stored.includes('eval_imgs.json')) {
    const wanted = await readJson<unknown[]>(parityCase, 'eval_imgs.json');
    const received: readonly unknown[] = evaluation.evalImgs ?? [];
    report.equal('evalImgs.length', received.length, wanted.length);
    const wrong = wanted.findIndex((entry, i) => JSON.stringify(received[i]) !== JSON.stringify(entry));
    report.equal(wrong < 0 ? 'evalImgs' : `evalImgs.${wrong}`, received[wrong], wanted[wrong]);
  }
}

function optionsOf(expected: Expected): CocoFileOptions {
  const set = expected.set_params ?? {};
  const ranges = set.areaRng?.map(([low, high], i) => ({
    label: set.areaRngLbl?.[i] ?? expected.params.areaRngLbl[i]!,
    low,
    high,
  }));
  return {
    iouType: expected.iou_type,
    useCategories: set.useCats !== 0,
    ...(set.imgIds ? { imageIds: set.imgIds } : {}),
    ...(set.catIds ? { categoryIds: set.catIds } : {}),
    ...(set.maxDets ? { maxDetections: set.maxDets } : {}),
    ...(set.iouThrs ? { iouThresholds: set.iouThrs } : {}),
    ...(set.recThrs ? { recallThresholds: set.recThrs } : {}),
    ...(ranges ? { areaRanges: ranges } : {}),
  };
}

function compareParameters(report: Reporter, evaluation: CocoEvaluation, { params }: Expected): void {
  const { parameters } = evaluation;
  report.equal(
    'params',
    {
      useCats: parameters.useCategories ? 1 : 0,
      maxDets: parameters.maxDetections,
      areaRng: parameters.areaRanges.map(({ low, high }) => [low, high]),
      areaRngLbl: parameters.areaRanges.map(({ label }) => label),
      iouThrs: parameters.iouThresholds,
      n_images: evaluation.imageCount,
    },
    {
      useCats: params.useCats,
      maxDets: params.maxDets,
      areaRng: params.areaRng,
      areaRngLbl: params.areaRngLbl,
      iouThrs: params.iouThrs,
      n_images: params.n_images,
    },
  );
}

/** A stored null is a number that the reference did not compute. */
function compareCategories(
  report: Reporter,
  evaluation: CocoEvaluation,
  expected: Expected,
  truth: CocoTruthFile,
): void {
  report.equal(
    'per_category',
    evaluation.perCategory.map((category) => category.categoryId),
    expected.per_category.map((category) => category.category_id),
  );
  for (const category of expected.per_category) {
    const { category_id: id, annotations, ...values } = category;
    const ours = evaluation.perCategory.find((candidate) => candidate.categoryId === id);
    const count = truth.annotations.filter((annotation) => annotation.category_id === id).length;
    report.equal(`per_category.${id}.annotations`, count, annotations);
    for (const [name, value] of Object.entries(values)) {
      if (value === null) continue;
      const actual = ours?.values[name];
      report.close(
        `per_category.${id}.${name}`,
        actual === undefined ? undefined : [actual],
        [value],
        numbers,
      );
    }
  }
}

async function compareArrays(
  parityCase: ParityCase,
  report: Reporter,
  evaluation: CocoEvaluation,
): Promise<void> {
  const arrays = await readTensors(parityCase, 'arrays.safetensors');
  const { parameters } = evaluation;
  const T = parameters.iouThresholds.length;
  const R = parameters.recallThresholds.length;
  const K = evaluation.perCategory.length;
  const A = parameters.areaRanges.length;
  const M = parameters.maxDetections.length;
  const ours: Record<string, { data: ArrayLike<number>; shape: number[] }> = {
    precision: { data: evaluation.precision, shape: [T, R, K, A, M] },
    scores: { data: evaluation.scores, shape: [T, R, K, A, M] },
    recall: { data: evaluation.recall, shape: [T, K, A, M] },
    iouThrs: { data: parameters.iouThresholds, shape: [T] },
    recThrs: { data: parameters.recallThresholds, shape: [R] },
  };
  for (const [name, { data, shape }] of arrays) {
    const actual = ours[name];
    report.close(
      `arrays.${name}`,
      actual?.data,
      data,
      name.endsWith('Thrs') ? { atol: 0 } : curves,
      actual && { actual: actual.shape, expected: shape },
    );
  }
}
