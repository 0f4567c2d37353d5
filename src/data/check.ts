/**
 * `ocelli data check`: everything that is wrong with the splits of a recipe, all at once. Annotations are
 * followed, every picture is decoded, and pictures are compared by their content across splits: a picture
 * that training and validation share makes the validation worth less than it says.
 */
import { decodeImage } from '#platform';
import { counted, OcelliError, type SplitName, type TaskName } from '../core/index.ts';
import { boxProblem } from '../formats/coco/index.ts';
import { type ContentCache, openDataCache } from '../storage/index.ts';
import { sha256 } from './digest.ts';
import { mapLimited, orSetAside } from './picture-sizes.ts';
import type { RawDataset, RawImage } from './raw.ts';
import { readRawDataset } from './read.ts';
import type { DataSettings } from './settings.ts';

export interface DataProblem {
  /** Errors end a run or falsify its numbers; warnings are worth a look. */
  readonly severity: 'error' | 'warning';
  /** Stable: `dangling_image_id`, `image_unreadable`, `split_leakage`, … */
  readonly code: string;
  readonly split: SplitName;
  /** JSON path in the annotation file, or the picture's name. */
  readonly where: string;
  readonly message: string;
}

export interface CheckedSplit {
  readonly split: SplitName;
  readonly source: string;
  readonly format: string;
  readonly images: number;
  /** Missing for class folders: the folder is what an image has. */
  readonly annotations?: number;
  readonly classes: number;
}

export interface DataReport {
  readonly splits: readonly CheckedSplit[];
  readonly problems: readonly DataProblem[];
  readonly errors: number;
  readonly warnings: number;
}

export interface CheckOptions {
  readonly task: TaskName;
  /** Leaves the pictures alone: annotations only. */
  readonly annotationsOnly?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (split: SplitName, done: number, total: number) => void;
}

/** Pictures that are decoded at a time. */
const parallel = 8;

export async function checkDataset(data: DataSettings, options: CheckOptions): Promise<DataReport> {
  const problems: DataProblem[] = [];
  const splits: CheckedSplit[] = [];
  const cache = data.cache ? openDataCache() : undefined;
  const seen = new Map<string, { readonly split: SplitName; readonly fileName: string }>();
  let train: RawDataset | undefined;
  for (const split of ['train', 'val', 'test'] as const) {
    const raw = await readSplit(data, split, options, problems, cache);
    if (!raw) continue;
    splits.push({
      split,
      source: raw.source,
      format: raw.format,
      images: raw.images.length,
      ...(raw.hasBoxes && {
        annotations: raw.images.reduce((sum, { annotations }) => sum + annotations.length, 0),
      }),
      classes: raw.categories.length,
    });
    if (split === 'train') train = raw;
    // Those of COCO files are told with their JSON paths while they are read.
    if (raw.format !== 'coco' && raw.format !== 'shards') problems.push(...boxProblems(split, raw));
    problems.push(...classProblems(split, raw, split === 'train' ? undefined : train));
    if (options.task === 'classification') {
      problems.push(...labelProblems(split, raw, data.multi_label ?? false));
    } else if (!raw.hasBoxes) {
      const message = `${options.task} needs boxes, and class folders have none`;
      problems.push({ severity: 'error', code: 'boxes_missing', split, where: raw.source, message });
    }
    if (!options.annotationsOnly) problems.push(...(await pictureProblems(split, raw, seen, options)));
  }
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  return { splits, problems, errors, warnings: problems.length - errors };
}

/** The report as text: a line per problem, grouped by kind, at most `most` of each. */
export function formatDataReport(report: DataReport, most = 10): string {
  const lines = report.splits.map(({ split, source, format, images, annotations, classes }) => {
    const counts = [
      counted(images, 'image'),
      ...(annotations === undefined ? [] : [counted(annotations, 'annotation')]),
      counted(classes, 'class', 'classes'),
    ];
    return `${split}: ${counts.join(', ')} (${format}, ${source})`;
  });
  const groups = new Map<string, DataProblem[]>();
  for (const problem of report.problems) {
    const key = `${problem.severity} ${problem.code}`;
    const group = groups.get(key);
    if (group) group.push(problem);
    else groups.set(key, [problem]);
  }
  for (const [key, group] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push(`${key}: ${group.length}`);
    for (const { split, where, message } of group.slice(0, most))
      lines.push(`  ${split} ${where}: ${message}`);
    if (group.length > most) lines.push(`  … and ${group.length - most} more`);
  }
  lines.push(
    report.problems.length === 0
      ? 'no problems'
      : `${counted(report.errors, 'error')}, ${counted(report.warnings, 'warning')}`,
  );
  return lines.join('\n');
}

/** The split's raw data; what keeps it from being read becomes a problem. */
async function readSplit(
  data: DataSettings,
  split: SplitName,
  options: CheckOptions,
  problems: DataProblem[],
  cache: ContentCache | undefined,
): Promise<RawDataset | undefined> {
  const place = data[`${split}_data_path`];
  if (place === undefined || place === null) return undefined;
  try {
    const raw = await readRawDataset({
      place,
      annotationFile: data[`${split}_annotation_file`] ?? undefined,
      format: data.format,
      needsBoxes: options.task !== 'classification',
      signal: options.signal,
      cache,
      onProblem: ({ severity, code, path, message }) =>
        problems.push({ severity, code, split, where: path, message }),
    });
    if (raw.images.length === 0) {
      problems.push({ severity: 'error', code: 'split_empty', split, where: place, message: 'no images' });
    }
    return raw;
  } catch (error) {
    if (!(error instanceof OcelliError)) throw error;
    const at = { severity: 'error', code: error.code, split } as const;
    if (error.problems.length === 0) {
      const message = `expected ${error.expected}, received ${error.received}`;
      problems.push({ ...at, where: place, message });
    }
    for (const line of error.problems) {
      const [, where = place, message = line] = /^([^:]+): (.*)$/s.exec(line) ?? [];
      problems.push({ ...at, where, message });
    }
    return undefined;
  }
}

function* classProblems(split: SplitName, raw: RawDataset, train?: RawDataset): Iterable<DataProblem> {
  const used = usedNames(raw);
  const at = { split, where: raw.source } as const;
  if (!train) {
    for (const { name } of raw.categories) {
      if (used.has(name)) continue;
      const message = `${name} has no example`;
      yield { severity: 'warning', code: 'class_without_example', ...at, message };
    }
    return;
  }
  const known = new Set(train.categories.map(({ name }) => name));
  const trained = usedNames(train);
  for (const name of used) {
    if (!known.has(name)) {
      yield {
        severity: 'error',
        code: 'class_unknown',
        ...at,
        message: `${name} is no class of the training split`,
      };
    } else if (!trained.has(name)) {
      const message = `${name} has no example in the training split`;
      yield { severity: 'warning', code: 'class_not_trained', ...at, message };
    }
  }
}

function usedNames(raw: RawDataset): Set<string> {
  const names = new Map(raw.categories.map(({ id, name }) => [id, name]));
  const used = new Set<string>();
  const add = (id: number): void => {
    const name = names.get(id);
    if (name !== undefined) used.add(name);
  };
  for (const { categoryIds, annotations } of raw.images) {
    categoryIds.forEach(add);
    for (const { categoryId } of annotations) add(categoryId);
  }
  return used;
}

function* boxProblems(split: SplitName, raw: RawDataset): Iterable<DataProblem> {
  for (const image of raw.images) {
    for (const { bbox } of image.annotations) {
      const odd = boxProblem(bbox, image);
      if (odd) yield { severity: 'warning', split, where: image.fileName, ...odd };
    }
  }
}

function* labelProblems(split: SplitName, raw: RawDataset, multiLabel: boolean): Iterable<DataProblem> {
  if (multiLabel) return;
  for (const image of raw.images) {
    const { size } = new Set([
      ...image.categoryIds,
      ...image.annotations.map(({ categoryId }) => categoryId),
    ]);
    if (size === 1) continue;
    const at = { split, where: image.fileName } as const;
    if (size === 0) {
      yield {
        severity: 'warning',
        code: 'image_without_class',
        ...at,
        message: 'no annotation names its class',
      };
    } else {
      const message = `${size} classes, but data.multi_label is false`;
      yield { severity: 'error', code: 'several_classes', ...at, message };
    }
  }
}

async function pictureProblems(
  split: SplitName,
  raw: RawDataset,
  seen: Map<string, { readonly split: SplitName; readonly fileName: string }>,
  { signal, onProgress }: CheckOptions,
): Promise<DataProblem[]> {
  let done = 0;
  const looked = await mapLimited(raw.images, parallel, async (image) => {
    signal?.throwIfAborted();
    const result = await lookAt(image, raw, signal);
    onProgress?.(split, ++done, raw.images.length);
    return result;
  });
  const problems: DataProblem[] = [];
  for (const [position, result] of looked.entries()) {
    const { fileName } = raw.images[position]!;
    const at = { split, where: fileName } as const;
    if ('bad' in result) {
      const { code, reason } = result.bad;
      problems.push({ severity: 'error', code, ...at, message: reason });
      continue;
    }
    const { hash, sizeProblem } = result.value;
    if (sizeProblem) problems.push({ severity: 'error', code: 'size_differs', ...at, message: sizeProblem });
    const first = seen.get(hash);
    if (!first) seen.set(hash, { split, fileName });
    else if (first.split !== split) {
      const message = `the same picture as ${first.fileName} of ${first.split}`;
      problems.push({ severity: 'error', code: 'split_leakage', ...at, message });
    } else if (first.fileName !== fileName) {
      const message = `the same picture as ${first.fileName}`;
      problems.push({ severity: 'warning', code: 'duplicate_picture', ...at, message });
    }
  }
  return problems;
}

function lookAt(image: RawImage, raw: RawDataset, signal?: AbortSignal) {
  return orSetAside(image, async () => {
    const bytes = await raw.open(image.fileName).read(undefined, signal);
    const hash = await sha256(bytes);
    const { height, width } = await decodeImage(bytes);
    const unknown = image.height === 0 || image.width === 0;
    const same = height === image.height && width === image.width;
    const turned = height === image.width && width === image.height;
    const sizeProblem =
      unknown || same || turned
        ? undefined
        : `${width} × ${height} pixels, annotated as ${image.width} × ${image.height}`;
    return { hash, sizeProblem };
  });
}
