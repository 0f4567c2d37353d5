/** `ocelli predict`: what a model sees in pictures, as COCO-style results and as pictures with overlays. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Command, Option } from 'commander';
import { encodeImage, files } from '#platform';
import { counted, DataError } from '../../core/index.ts';
import { TableWriter } from '../../formats/coco/index.ts';
import type { Predictor, ResultRow } from '../../inference/index.ts';
import { OutputFolder } from '../../storage/index.ts';
import { type CommonOptions, type Context, finish, share, wholeNumber } from '../command.ts';
import { showDownloads } from '../downloads.ts';
import { overlayNames } from '../overlay-names.ts';
import { loadRecipe } from '../recipe-file.ts';

interface PredictOptions extends CommonOptions {
  readonly out: string;
  readonly threshold?: number;
  readonly batchSize: number;
  readonly engine: 'auto' | 'onnx' | 'ocelli';
  readonly dtype?: 'fp32' | 'fp16';
  readonly overlays: boolean;
  readonly maxBadFraction: number;
}

export function addPredict(program: Command): void {
  const command = program
    .command('predict')
    .description('what a model sees in pictures: COCO-style JSON and overlays')
    .argument('<model>', 'a run folder, a Hugging Face folder, a hub id or models:/<name>@<alias>')
    .argument('<pictures...>', 'files, folders and globs')
    .option(
      '--out <dir>',
      'where predictions.json (also as .parquet), images.json and the overlays go',
      'predictions',
    )
    .option('--threshold <score>', "lowest score of a detection (default: the run's, or 0.5)", share)
    .option('--batch-size <n>', 'pictures at once', wholeNumber(1), 8)
    .option('--no-overlays', 'draw no pictures')
    .option(
      '--max-bad-fraction <share>',
      'above this share of unreadable pictures the exit code is 3',
      share,
      0.05,
    )
    .addOption(
      new Option('--engine <engine>', 'what computes').choices(['auto', 'onnx', 'ocelli']).default('auto'),
    )
    .addOption(
      new Option(
        '--dtype <dtype>',
        'which ONNX file; with --engine ocelli, the numbers of the forward pass',
      ).choices(['fp32', 'fp16']),
    );
  finish(
    command,
    [
      { line: 'ocelli predict runs/first photo.jpg', does: 'into predictions/' },
      {
        line: 'ocelli predict runs/first photos/ --threshold 0.7 --out found',
        does: 'a folder, surer ones only',
      },
      {
        line: 'ocelli predict models:/shapes@champion photo.jpg',
        does: 'a model of the MLflow registry that MLFLOW_TRACKING_URI names',
      },
      { line: 'ocelli predict facebook/detr-resnet-50 "photos/*.jpg" --json', does: 'one line per picture' },
    ],
    runPredict,
  );
}

/** A row of predictions.json: COCO's result, with the picture's path and the overlay's in the output folder. */
type PredictionRow = ResultRow & { readonly overlay?: string };

/** A row of images.json, which has the pictures without any result too. */
interface PredictedImage {
  readonly id: number;
  readonly file_name: string;
  readonly overlay?: string;
}

interface RunDefaults {
  readonly threshold: number;
  readonly maxDetections: number;
}

async function runPredict(context: Context, options: PredictOptions, ...args: never[]): Promise<undefined> {
  const [model, pictures] = args as unknown as [string, string[]];
  const { output, signal } = context;
  const defaults = await defaultsOf(model);
  const threshold = options.threshold ?? defaults.threshold;
  const { createPredictor, findPictures, predictFiles, resultRows, drawPrediction } = await import(
    '../../inference/index.ts'
  );
  const paths = await findPictures(pictures);
  const { pinModel } = await import('../../models/index.ts');
  // Of an alias the version: results say what they are of.
  const place = await pinModel(model, { signal });
  // Before any work: a place that can't be opened is known at once.
  const results = await OutputFolder.open(options.out);
  const total = paths.length;
  const overlays = options.overlays ? overlayNames(paths) : new Map<string, string>();
  const predictor: Predictor = await createPredictor(place, {
    device: context.device,
    engine: options.engine,
    batchSize: options.batchSize,
    threshold,
    signal,
    onDownload: showDownloads(output),
    onWarning: ({ code, message }) => {
      output.json({ type: 'warning', code, message, time: new Date().toISOString() });
      output.warn(message);
    },
    ...(options.dtype === undefined ? {} : { dtype: options.dtype }),
  });
  try {
    output.say(`${place}: ${predictor.task} of ${counted(total, 'picture')}, ${predictor.runtime}`);
    const rows: PredictionRow[] = [];
    const table = new TableWriter(predictor.classes.categories, true);
    const images: PredictedImage[] = [];
    const bad: string[] = [];
    let done = 0;
    const start = performance.now();
    for await (const file of predictFiles(predictor, pictures, { signal })) {
      done++;
      if ('error' in file) {
        bad.push(`${file.path}: ${reasonOf(file.error)}`);
        output.warn(`${file.path} is set aside: ${reasonOf(file.error)}`);
        continue;
      }
      const overlay = overlays.get(file.path);
      const drawing = overlay === undefined ? {} : { overlay };
      const found = mostLikely(resultRows(file, predictor.classes), defaults.maxDetections);
      rows.push(...found.map((row) => ({ ...row, ...drawing })));
      const { width, height } = file.image;
      for (const row of found) table.add({ ...row, width, height });
      images.push({ id: file.imageId, file_name: file.path, ...drawing });
      output.json({
        type: 'prediction',
        file_name: file.path,
        image_id: file.imageId,
        ...drawing,
        predictions: found,
      });
      if (overlay !== undefined) {
        const drawn = await drawPrediction(file.image, file.prediction, predictor.classes, { threshold });
        await files.write(join(results.path, overlay), await encodeImage(drawn, 'jpeg'));
      }
      const rate = (1000 * done) / (performance.now() - start);
      output.progress(`${done}/${total}  ${rate.toFixed(1)} images/s  ${basename(file.path)}`);
    }
    const path = join(results.path, 'predictions.json');
    await files.write(path, `${JSON.stringify(rows, null, 1)}\n`);
    await files.write(join(results.path, 'predictions.parquet'), table.finish());
    await files.write(join(results.path, 'images.json'), `${JSON.stringify(images, null, 1)}\n`);
    await results.send(signal);
    const copied = results.place === undefined ? '' : `, copied to ${results.place}`;
    output.json({
      type: 'predicted',
      model: place,
      path,
      images: done - bad.length,
      set_aside: bad.length,
      rows: rows.length,
    });
    output.result(
      `Wrote ${path}: ${counted(rows.length, 'result')} of ${counted(done - bad.length, 'picture')}${options.overlays ? `, with overlays in ${results.path}` : ''}${copied}`,
    );
    if (bad.length > options.maxBadFraction * total) throw tooManyBad(bad, total, options.maxBadFraction);
  } finally {
    await predictor.dispose();
  }
  return;
}

/** A run folder knows how its recipe wanted predictions. */
async function defaultsOf(model: string): Promise<RunDefaults> {
  if (!existsSync(join(model, 'recipe.yaml'))) return { threshold: 0.5, maxDetections: 100 };
  const { confidence_threshold, max_detections } = (await loadRecipe(model)).recipe.model;
  return { threshold: confidence_threshold, maxDetections: max_detections };
}

function mostLikely(rows: readonly ResultRow[], most: number): readonly ResultRow[] {
  return rows.length <= most ? rows : rows.toSorted((a, b) => b.score - a.score).slice(0, most);
}

function reasonOf(error: Error): string {
  return error instanceof DataError ? error.received : error.message;
}

function tooManyBad(bad: readonly string[], total: number, limit: number): DataError {
  return new DataError({
    code: 'too_many_bad_images',
    expected: `at most ${100 * limit} % of the pictures to be unreadable`,
    received: `${bad.length} of ${total}`,
    fix: 'repair or remove them, or raise --max-bad-fraction',
    problems: bad,
  });
}
