/** `ocelli export`: the deployable folder of a run, an HF folder or a hub id. */
import { type Command, Option } from 'commander';
import { type CommonOptions, type Context, finish } from '../command.ts';
import { showDownloads } from '../downloads.ts';
import { compact } from '../format.ts';
import { packageInfo } from '../package-info.ts';

interface ExportOptions extends CommonOptions {
  readonly format: 'hf' | 'onnx' | 'mlflow';
  readonly dtype: 'fp32' | 'fp16';
  readonly out?: string;
}

export function addExport(program: Command): void {
  const command = program
    .command('export')
    .description('write the deployable folder: Hugging Face files, ONNX, MLmodel')
    .argument('<run>', 'a run folder, a Hugging Face folder, a hub id or models:/<name>@<alias>')
    .addOption(
      new Option(
        '--format <format>',
        'hf: config, weights, processor, card; onnx: and ONNX; mlflow: and MLmodel',
      )
        .choices(['hf', 'onnx', 'mlflow'])
        .default('onnx'),
    )
    .addOption(
      new Option('--dtype <dtype>', 'numbers in the ONNX file').choices(['fp32', 'fp16']).default('fp32'),
    )
    .option('--out <dir>', "where to write it (default: the run's model/ folder)");
  finish(
    command,
    [
      {
        line: 'ocelli export runs/first',
        does: 'ONNX into runs/first/model, checked against the model itself',
      },
      { line: 'ocelli export runs/first --format onnx --dtype fp16', does: 'half the size' },
      { line: 'ocelli export facebook/detr-resnet-50 --out detr', does: 'a checkpoint of the hub' },
      { line: 'ocelli export models:/shapes@champion --out shapes', does: 'a model of an MLflow registry' },
    ],
    runExport,
  );
}

async function runExport(context: Context, options: ExportOptions, ...args: never[]): Promise<undefined> {
  const [place] = args as unknown as [string];
  const [{ openDevice }, { exportRun }] = await Promise.all([
    import('../../engine/index.ts'),
    import('../../export/index.ts'),
  ]);
  const device = await openDevice(context.device);
  try {
    context.output.say(`Exporting on ${device.description} …`);
    const { format, dtype, out } = options;
    const made = await exportRun(place, {
      format,
      dtype,
      version: packageInfo().version,
      signal: context.signal,
      onDownload: showDownloads(context.output),
      ...(out === undefined ? {} : { out }),
    });
    context.output.json({ type: 'exported', time: new Date().toISOString(), format, dtype, ...made });
    const checked = made.onnx ? `; largest difference to the model ${compact(made.onnx.maxAbs)}` : '';
    context.output.result(`Wrote ${made.folder}: ${made.paths.join(', ')}${checked}`);
  } finally {
    await device.dispose();
  }
  return;
}
