/** `ocelli data`: check, describe, generate, pack and convert data sets. */
import { join } from 'node:path';
import { Argument, type Command, Option } from 'commander';
import { files } from '#platform';
import { usableData } from '../../config/index.ts';
import { counted, grouped } from '../../core/index.ts';
import type { DatasetStatistics, Summary } from '../../data/index.ts';
import type { DataReportSplit } from '../../reports/index.ts';
import { type CommonOptions, type Context, finish, wholeNumber } from '../command.ts';
import { columns, compact, some } from '../format.ts';
import { memoryLines, memoryOf } from '../memory.ts';
import { packageInfo } from '../package-info.ts';
import { loadRecipe } from '../recipe-file.ts';

export function addData(program: Command): void {
  const data = program.command('data').description('check, describe, generate, pack and convert data sets');
  addCheck(data);
  addStats(data);
  addSample(data);
  addShard(data);
  addConvert(data);
}

interface CheckOptions extends CommonOptions {
  readonly annotationsOnly?: boolean;
  readonly all?: boolean;
}

function addCheck(data: Command): void {
  const command = data
    .command('check')
    .description(
      'everything that is wrong with the data of a recipe, at once; exit code 3 when there are errors',
    )
    .argument('<recipe>', 'the recipe whose splits are checked')
    .argument('[overrides...]', 'key=value pairs that win over the recipe')
    .option('--annotations-only', 'leave the pictures alone')
    .option('--all', 'list every problem, not ten of each kind');
  finish(
    command,
    [
      {
        line: 'ocelli data check recipe.yaml',
        does: 'annotations, classes, every picture, leaks between splits; the memory that training takes',
      },
      { line: 'ocelli data check recipe.yaml --annotations-only', does: 'fast' },
      { line: 'ocelli data check recipe.yaml --json', does: 'one line per problem, then the counts' },
    ],
    runCheck,
  );
}

async function runCheck(context: Context, options: CheckOptions, ...args: never[]): Promise<number> {
  const [name, overrides] = args as unknown as [string, string[]];
  const { output, signal } = context;
  const { recipe } = await loadRecipe(name, overrides);
  const { checkDataset, formatDataReport } = await import('../../data/index.ts');
  const report = await checkDataset(usableData(recipe), {
    task: recipe.model.task_type,
    annotationsOnly: options.annotationsOnly === true,
    signal,
    onProgress: (split, done, total) => output.progress(`${split}  ${done}/${total}`),
  });
  for (const problem of report.problems) output.json({ type: 'problem', ...problem });
  const { splits, errors, warnings } = report;
  // Of data with errors nobody trains; and who wants annotations alone is in a hurry.
  const wantsMemory = errors === 0 && !options.annotationsOnly;
  const memory = wantsMemory ? await memoryOf(recipe, context) : undefined;
  output.json({ type: 'checked', splits, errors, warnings, ...(memory ? { memory } : {}) });
  output.result(formatDataReport(report, options.all ? Number.POSITIVE_INFINITY : 10));
  for (const line of memory ? memoryLines(memory) : []) output.result(line);
  return errors > 0 ? 3 : 0;
}

interface StatsOptions extends CommonOptions {
  readonly out: string;
  readonly samples: number;
}

function addStats(data: Command): void {
  const command = data
    .command('stats')
    .description('counts, sizes, objects per image, class imbalance, with pictures')
    .argument('<recipe>', 'the recipe whose splits are described')
    .argument('[overrides...]', 'key=value pairs that win over the recipe')
    .option('--out <dir>', 'where the page goes', 'data-report')
    .option('--samples <n>', 'pictures shown of each split', wholeNumber(0), 9);
  finish(
    command,
    [
      { line: 'ocelli data stats recipe.yaml', does: 'data-report/index.html' },
      { line: 'ocelli data stats quickstart --json', does: 'the numbers, one line per split' },
    ],
    runStats,
  );
}

async function runStats(context: Context, options: StatsOptions, ...args: never[]): Promise<undefined> {
  const [name, overrides] = args as unknown as [string, string[]];
  const { output, signal } = context;
  const { recipe } = await loadRecipe(name, overrides);
  const settings = usableData(recipe);
  const [{ datasetStatistics, openSplits }, { renderDataReport }, { samplePictures }] = await Promise.all([
    import('../../data/index.ts'),
    import('../../reports/index.ts'),
    import('../data-samples.ts'),
  ]);
  const task = recipe.model.task_type;
  const splits: DataReportSplit[] = [];
  for (const [split, dataset] of Object.entries(
    await openSplits(settings, { task, seed: recipe.training.seed, signal }),
  )) {
    output.progress(split);
    const statistics = await datasetStatistics(dataset, { measure: true, signal });
    splits.push({
      split,
      source: dataset.source,
      statistics,
      samples: await samplePictures(dataset, options.samples),
    });
    output.json({ type: 'statistics', split, source: dataset.source, ...statistics });
    for (const line of statisticsLines(split, statistics)) output.result(line);
  }
  const report = renderDataReport({
    title: recipe.mlflow.run_name,
    task,
    createdAt: new Date().toISOString(),
    version: packageInfo().version,
    splits,
  });
  for (const [path, text] of report) await files.write(join(options.out, path), text);
  output.result(`Report: ${join(options.out, 'index.html')}`);
  return;
}

function statisticsLines(split: string, statistics: DatasetStatistics): string[] {
  const { images, annotations, classes, imbalance, width, height, objectsPerImage, objectSizes, objectSide } =
    statistics;
  const range = ({ min, max, median }: Summary): string =>
    min === undefined ? 'unknown' : `${compact(min)} to ${compact(max!)}, median ${compact(median!)}`;
  const rows = [
    ['  images', grouped(images)],
    ['  annotations', grouped(annotations)],
    ['  width', range(width)],
    ['  height', range(height)],
    ...(objectSide.count > 0
      ? [
          ['  objects per image', range(objectsPerImage)],
          [
            '  object sizes',
            `${grouped(objectSizes.small)} small, ${grouped(objectSizes.medium)} medium, ${grouped(objectSizes.large)} large`,
          ],
        ]
      : []),
    ['  imbalance', imbalance === undefined ? 'no examples' : `${compact(imbalance)} : 1`],
    ...classes
      .toSorted((a, b) => b.examples - a.examples)
      .slice(0, 15)
      .map(({ name, examples, share }) => [
        `    ${name}`,
        `${grouped(examples)} (${(100 * share).toFixed(1)} %)`,
      ]),
  ];
  const more =
    classes.length > 15 ? [`    … and ${counted(classes.length - 15, 'class', 'classes')} more`] : [];
  return [split, ...columns(rows), ...more];
}

interface SampleOptions extends CommonOptions {
  readonly seed: number;
  readonly train: number;
  readonly val: number;
  readonly test?: number;
  readonly size: number;
  readonly classes: number;
  readonly objects: number;
  readonly layout: 'coco' | 'folder';
}

function addSample(data: Command): void {
  const command = data
    .command('sample')
    .description(
      'generate a data set of shapes with boxes, polygons and RLE masks; the same seed gives the same bytes',
    )
    .argument('<folder>', 'where to write it')
    .option('--seed <n>', 'seed', wholeNumber(0), 1)
    .option('--train <n>', 'training pictures', wholeNumber(1), 1200)
    .option('--val <n>', 'validation pictures', wholeNumber(1), 300)
    .option('--test <n>', 'test pictures', wholeNumber(1))
    .option('--size <pixels>', 'height and width', wholeNumber(16), 64)
    .option('--classes <n>', 'number of classes, 2 to 5', wholeNumber(2), 4)
    .option('--objects <n>', 'most shapes in a picture; 1 makes it a classification set', wholeNumber(1), 1)
    .addOption(
      new Option('--layout <layout>', 'annotation files or class folders')
        .choices(['coco', 'folder'])
        .default('coco'),
    );
  finish(
    command,
    [
      { line: 'ocelli data sample shapes', does: 'classification, COCO files' },
      { line: 'ocelli data sample shapes --objects 5 --size 128', does: 'detection' },
      {
        line: 'ocelli data sample shapes --layout folder --train 200 --val 50',
        does: 'one folder per class',
      },
    ],
    runSample,
  );
}

async function runSample(context: Context, options: SampleOptions, ...args: never[]): Promise<undefined> {
  const [out] = args as unknown as [string];
  const { generateSampleDataset } = await import('../../data/index.ts');
  const { seed, train, val, test, size, classes, objects, layout } = options;
  const images = { train, val, ...(test === undefined ? {} : { test }) };
  const made = await generateSampleDataset({
    out,
    seed,
    images,
    size,
    classes,
    objects,
    layout,
    signal: context.signal,
  });
  context.output.json({ type: 'sample', ...made });
  context.output.result(
    `Wrote ${counted(made.images, 'picture')} of ${counted(made.classes.length, 'class', 'classes')} (${some(made.classes)}) to ${out}.`,
  );
  context.output.say('For a recipe:');
  for (const [key, path] of Object.entries(made.paths)) context.output.say(`  ${key}: ${path}`);
  return;
}

interface ShardOptions extends CommonOptions {
  readonly out: string;
  readonly shardMb: number;
}

function addShard(data: Command): void {
  const command = data
    .command('shard')
    .description(
      'pack the splits of a recipe as tar archives, to be read by ranges: for far and for many pictures',
    )
    .argument('<recipe>', 'the recipe whose splits are packed')
    .argument('[overrides...]', 'key=value pairs that win over the recipe')
    .requiredOption('--out <place>', 'the folder, or place in a volume, that gets a folder per split')
    .option('--shard-mb <n>', 'size from which an archive is full', wholeNumber(1), 100);
  finish(
    command,
    [
      { line: 'ocelli data shard recipe.yaml --out shards', does: 'shards/train, shards/val' },
      { line: 'ocelli data shard recipe.yaml --out s3://bucket/coco-shards', does: 'straight to a volume' },
    ],
    runShard,
  );
}

async function runShard(context: Context, options: ShardOptions, ...args: never[]): Promise<undefined> {
  const [name, overrides] = args as unknown as [string, string[]];
  const { output, signal } = context;
  const { recipe } = await loadRecipe(name, overrides);
  const { shardDataset } = await import('../../data/index.ts');
  const splits = await shardDataset(usableData(recipe), {
    out: options.out,
    needsBoxes: recipe.model.task_type !== 'classification',
    shardBytes: options.shardMb * 1e6,
    signal,
    onProgress: (split, done, total) => output.progress(`${split}  ${done}/${total}`),
  });
  for (const { split, path, images, shards, bytes, setAside } of splits) {
    output.json({ type: 'sharded', split, path, images, shards, bytes, setAside });
    for (const { fileName, reason } of setAside) output.warn(`${fileName} is in no shard: ${reason}`);
    output.result(
      `${split}: ${counted(images, 'picture')} in ${counted(shards, 'shard')}, ${compact(bytes / 1e6)} MB`,
    );
  }
  output.say('For a recipe, without annotation files:');
  for (const { split, path } of splits) output.say(`  ${split}_data_path: ${path}`);
  return;
}

interface ConvertOptions extends CommonOptions {
  readonly out: string;
  readonly format: 'auto' | 'folder' | 'voc' | 'yolo' | 'coco';
  readonly annotations?: string;
}

function addConvert(data: Command): void {
  const command = data
    .command('convert')
    .description('VOC, YOLO or class folders to one COCO file, as JSON or as a table (Parquet)')
    .addArgument(new Argument('<folder>', 'the data set'))
    .requiredOption(
      '--out <file>',
      'the COCO file to write, .json or .parquet; file names in it are relative to <folder>',
    )
    .addOption(
      new Option('--format <format>', 'what it is; auto looks at what is there')
        .choices(['auto', 'folder', 'voc', 'yolo', 'coco'])
        .default('auto'),
    )
    .option(
      '--annotations <file>',
      'VOC: the list of image ids; YOLO: the file with the class names; COCO: the annotation file',
    );
  finish(
    command,
    [
      { line: 'ocelli data convert VOC2012 --out voc.json', does: 'Pascal VOC' },
      {
        line: 'ocelli data convert cells --format yolo --annotations cells/data.yaml --out cells.json',
        does: 'YOLO',
      },
      {
        line: 'ocelli data convert train2017 --annotations instances_train2017.json --out train2017.parquet',
        does: 'a table for Spark',
      },
      {
        line: 'ocelli data convert photos/train --format folder --out train.json',
        does: 'one folder per class',
      },
    ],
    runConvert,
  );
}

async function runConvert(context: Context, options: ConvertOptions, ...args: never[]): Promise<undefined> {
  const [from] = args as unknown as [string];
  const { convertDataset } = await import('../../data/index.ts');
  const { out, format, annotations } = options;
  const made = await convertDataset({
    from,
    out,
    format,
    signal: context.signal,
    ...(annotations === undefined ? {} : { annotationFile: annotations }),
  });
  context.output.json({ type: 'converted', path: out, ...made });
  for (const { fileName, reason } of made.setAside) context.output.warn(`${fileName} is left out: ${reason}`);
  context.output.result(
    `Wrote ${out}: ${counted(made.images, 'image')}, ${counted(made.annotations, 'annotation')}, ${counted(made.classes.length, 'class', 'classes')} (${some(made.classes)}), read as ${made.format}.`,
  );
  return;
}
