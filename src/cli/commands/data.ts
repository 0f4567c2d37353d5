/** `ocelli data`: check, describe, generate and convert data sets. */
import { Argument, type Command, Option } from 'commander';
import { type CommonOptions, type Context, finish, wholeNumber } from '../command.ts';
import { grouped, some } from '../format.ts';

export function addData(program: Command): void {
  const data = program.command('data').description('check, describe, generate and convert data sets');
  addSample(data);
  addConvert(data);
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
    `Wrote ${grouped(made.images)} pictures of ${made.classes.length} classes (${some(made.classes)}) to ${out}.`,
  );
  context.output.say('For a recipe:');
  for (const [key, path] of Object.entries(made.paths)) context.output.say(`  ${key}: ${path}`);
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
    .description('VOC, YOLO or class folders to one COCO file')
    .addArgument(new Argument('<folder>', 'the data set'))
    .requiredOption('--out <file>', 'the COCO file to write; file names in it are relative to <folder>')
    .addOption(
      new Option('--format <format>', 'what it is; auto looks at what is there')
        .choices(['auto', 'folder', 'voc', 'yolo', 'coco'])
        .default('auto'),
    )
    .option('--annotations <file>', 'VOC: the list of image ids; YOLO: the file with the class names');
  finish(
    command,
    [
      { line: 'ocelli data convert VOC2012 --out voc.json', does: 'Pascal VOC' },
      {
        line: 'ocelli data convert cells --format yolo --annotations cells/data.yaml --out cells.json',
        does: 'YOLO',
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
    `Wrote ${out}: ${grouped(made.images)} images, ${grouped(made.annotations)} annotations, ${made.classes.length} classes (${some(made.classes)}), read as ${made.format}.`,
  );
  return;
}
