/**
 * `ocelli eval`: any split of a recipe's data through any model: a run, a Hugging Face folder, a hub id. Classes
 * are matched by name. Categories that the model does not know are told; then there is no loss, because their
 * images have no right answer. With `out`, metrics, predictions and a report are written there.
 */
import { type Recipe, resolvedYaml, usableData } from '../config/index.ts';
import type { Category, ClassMap, Metrics, RunEvent, RunEventBody, SplitName } from '../core/index.ts';
import { type Batch, openDataset } from '../data/index.ts';
import { asDeviceError, type DeviceChoice, openDevice, withOptions } from '../engine/index.ts';
import { type DownloadListener, fromPretrained, pinModel } from '../models/index.ts';
import { requireTask } from '../tasks/index.ts';
import type { BatchSource } from '../training/index.ts';
import { evaluateSplit } from './evaluate-split.ts';
import { evaluationLoader, loaderThreads } from './loaders.ts';
import { modelServer } from './model-version.ts';
import { evaluationPrecision, type Precision } from './precision.ts';
import { prepareTask } from './prepare.ts';
import { picturesOf, writeReport } from './report.ts';
import { version } from './version.ts';

export interface EvaluateRequest {
  /** Run folder, Hugging Face folder, volume path, hub id, or a model of the recipe's registry (`models:/…`). */
  readonly model: string;
  /** Its `data` section says where the split is. */
  readonly recipe: Recipe;
  /** val */
  readonly split?: SplitName | undefined;
  readonly device?: DeviceChoice | undefined;
  /** The recipe's `training.precision`, where the device has it. */
  readonly precision?: Precision | undefined;
  /** A folder for `predictions/` and `report/`; left out: only the metrics. */
  readonly out?: string | undefined;
  /** Told while a model of the hub or of a registry is fetched. */
  readonly onDownload?: DownloadListener | undefined;
}

export interface EvaluateResult {
  /** What was evaluated: of a registry the version that the name means now. */
  readonly model: string;
  readonly split: SplitName;
  readonly metrics: Metrics;
  /** Of the data: metrics per class are named by their ids. */
  readonly categories: readonly Category[];
  readonly images: number;
  readonly imagesPerSecond: number;
  /** In which it was computed. */
  readonly precision: Precision;
  /** Categories of the data that the model does not know. */
  readonly unknownClasses: readonly string[];
  readonly report?: string;
}

/** The events of an evaluation; its result is returned at the end. */
export async function* evaluateModel(
  request: EvaluateRequest,
  signal?: AbortSignal,
): AsyncGenerator<RunEvent, EvaluateResult> {
  const { split = 'val', recipe, out } = request;
  requireTask(recipe.model.task_type);
  const device = await openDevice(request.device ?? 'auto');
  try {
    const { precision, warnings } = evaluationPrecision(recipe, request.precision, device);
    for (const warning of warnings) yield stamp(warning);
    const from = { server: modelServer(recipe), signal, onProgress: request.onDownload };
    const model = await pinModel(request.model, from);
    const loaded = await fromPretrained(model, { ...from, task: recipe.model.task_type });
    const dataset = await openDataset(usableData(recipe), split, {
      task: recipe.model.task_type,
      seed: recipe.training.seed,
      ...(signal ? { signal } : {}),
    });
    const unknownClasses = dataset.classes.names.filter(
      (name) => loaded.classes.labelOfName(name) === undefined,
    );
    const setAside: string[] = [];
    const loader = evaluationLoader(
      {
        recipe,
        processorConfig: loaded.processorConfig,
        threads: await loaderThreads(recipe.data.num_workers),
        onSetAside: ({ fileName, reason }) => void setAside.push(`${fileName} is set aside: ${reason}`),
      },
      dataset,
    );
    try {
      if (unknownClasses.length > 0) {
        const message = `the model does not know ${unknownClasses.join(', ')}: there is no loss, and they count as missed`;
        yield stamp({ type: 'warning', code: 'unknown_classes', message });
      }
      if (recipe.data.class_weights) {
        const message = 'data.class_weights are those of training: the loss here is not weighted';
        yield stamp({ type: 'warning', code: 'loss_not_weighted', message });
      }
      const evaluation = await evaluateSplit({
        split,
        device: { ...device, prepare: withOptions(device.prepare, { precision }) },
        model: loaded.model,
        task: prepareTask(recipe, loaded),
        dataset,
        batches: withModelLabels(loader, dataset.classes, loaded.classes),
        classes: loaded.classes,
        losses: unknownClasses.length === 0,
        predictionsFile: out ? `${out}/predictions/${split}.json` : undefined,
        signal,
      });
      for (const message of setAside) yield stamp({ type: 'warning', code: 'image_set_aside', message });
      for (const warning of evaluation.warnings) yield stamp({ type: 'warning', ...warning });
      const { metrics, images, ms } = evaluation;
      yield stamp({ type: 'evaluation', split, metrics, ms });
      const imagesPerSecond = (1000 * images) / ms;
      const { categories } = dataset.classes;
      const result = {
        model,
        split,
        metrics,
        categories,
        images,
        imagesPerSecond,
        precision,
        unknownClasses,
      };
      if (!out) return result;
      const report = await writeReport(evaluation, {
        folder: `${out}/report`,
        title: `${model} on ${split}`,
        model,
        task: recipe.model.task_type,
        device: device.description,
        version,
        multiLabel: recipe.data.multi_label,
        maxPictures: picturesOf(recipe),
        events: [],
        recipe: resolvedYaml(recipe),
      });
      yield stamp({ type: 'samples', split, path: report });
      return { ...result, report };
    } finally {
      await loader.dispose();
      loaded.model.dispose();
    }
  } catch (error) {
    throw asDeviceError(error);
  } finally {
    await device.dispose();
  }
}

/** The data set's labels as the model's, by name: what losses compare with outputs. */
function withModelLabels(source: BatchSource, classes: ClassMap, modelClasses: ClassMap): BatchSource {
  const labels = classes.names.map((name) => modelClasses.labelOfName(name) ?? -1);
  if (labels.every((label, i) => label === i)) return source;
  const translate = (label: number): number => labels[label]!;
  return {
    batchesPerEpoch: source.batchesPerEpoch,
    async *epoch(epoch, cursor) {
      for await (const batch of source.epoch(epoch, cursor)) {
        const samples: Batch['samples'] = batch.samples.map((sample) => ({
          ...sample,
          labels: sample.labels.map(translate),
          boxLabels: sample.boxLabels.map(translate),
        }));
        yield { ...batch, samples };
      }
    },
  };
}

function stamp(body: RunEventBody): RunEvent {
  return { ...body, time: new Date().toISOString() };
}
