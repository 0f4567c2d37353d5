/** The report of an evaluated split into `report/`: the report room says what to draw, here it gets the pictures. */
import { decodeImage, encodeImage, files } from '#platform';
import type { Recipe } from '../config/index.ts';
import type { RunEvent } from '../core/index.ts';
import { prepareReport, type ReportInput, type ReportPicture } from '../reports/index.ts';
import { type ClassificationEvaluator, type DetectionPrediction, evaluatedImage } from '../tasks/index.ts';
import { resize } from '../vision/index.ts';
import type { SplitEvaluation } from './evaluate-split.ts';

/** The longest side of a picture in the report. */
const pictureSide = 640;

export interface ReportFacts {
  readonly folder: string;
  readonly title: string;
  readonly model: string;
  readonly task: string;
  readonly device: string;
  readonly version: string;
  readonly multiLabel: boolean;
  /** Most pictures that are embedded. */
  readonly maxPictures: number;
  readonly events: readonly RunEvent[];
  readonly recipe?: string | undefined;
}

/** Writes `report/` and returns its page. */
export async function writeReport(evaluation: SplitEvaluation, facts: ReportFacts): Promise<string> {
  const { dataset, split, metrics, images, ms, batchMs } = evaluation;
  const { folder, recipe, multiLabel, maxPictures, ...named } = facts;
  const report = prepareReport({
    ...named,
    createdAt: new Date().toISOString(),
    split,
    classes: dataset.classes,
    metrics,
    results: resultsOf(evaluation, multiLabel),
    speed: { images, totalMs: ms, modelMs: batchMs.reduce((sum, time) => sum + time, 0), batchMs },
    ...(recipe ? { recipe } : {}),
  });
  const pictures = await loadPictures(
    evaluation,
    new Set(report.wantedPictures.slice(0, maxPictures).map(({ id }) => id)),
  );
  for (const [path, text] of report.render(pictures)) await files.write(`${folder}/${path}`, text);
  return `${folder}/index.html`;
}

function resultsOf(evaluation: SplitEvaluation, multiLabel: boolean): ReportInput['results'] {
  const { dataset, predictions, evaluator, classes } = evaluation;
  const evaluated = [...predictions].map(([index, prediction]) => ({
    record: dataset.records[index]!,
    prediction,
  }));
  if ('evaluation' in evaluator) {
    const images = evaluated.map(({ record, prediction }) =>
      evaluatedImage(record, prediction as DetectionPrediction, dataset.classes, classes),
    );
    return { kind: 'detection', images };
  }
  const { scores, labelMatrix } = (evaluator as ClassificationEvaluator).results();
  return {
    kind: 'classification',
    multiLabel,
    images: evaluated.map(({ record: { id, fileName, width, height } }) => ({ id, fileName, width, height })),
    scores,
    truth: labelMatrix,
  };
}

/** Upright JPEGs, scaled down. A picture that can't be read now is left out: the metrics don't need it. */
async function loadPictures(
  { dataset }: SplitEvaluation,
  wanted: ReadonlySet<number | string>,
): Promise<ReadonlyMap<number | string, ReportPicture>> {
  const pictures = new Map<number | string, ReportPicture>();
  for (const record of dataset.records) {
    if (!wanted.has(record.id)) continue;
    try {
      const raster = await decodeImage(await dataset.open(record).read());
      const scale = Math.min(1, pictureSide / Math.max(raster.width, raster.height));
      const size = { height: Math.round(raster.height * scale), width: Math.round(raster.width * scale) };
      const bytes = await encodeImage(scale < 1 ? resize(raster, size, 'bilinear') : raster, 'jpeg');
      pictures.set(record.id, { bytes, mediaType: 'image/jpeg' });
    } catch {
      // Told before, when the picture was set aside.
    }
  }
  return pictures;
}

/** As `output.visualization` wants it. */
export function picturesOf({ output: { visualization } }: Recipe): number {
  return visualization.save_images ? visualization.max_images : 0;
}
