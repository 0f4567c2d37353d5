/**
 * What a user picked, as keys of a recipe: finds the splits of a folder by the names that people give them, and its annotation
 * files. Pictures without a validation split are split here, one in five for validation, class folders, VOC and YOLO alike: the
 * annotations become two COCO files on the browser's own disk, the pictures stay where they are.
 */
import { files } from '#platform';
import { DataError, derive, permutation } from '../../core/index.ts';
import { convertDataset } from '../../data/index.ts';
import type { DataArrangement } from '../protocol.ts';
import { listBelow } from './folders.ts';

const isPicture = (path: string): boolean => /\.(jpe?g|png|webp|gif|bmp|avif)$/i.test(path);

/** Names of folders and files that say which split they are, with a year as COCO's have. */
const words = {
  train: /^(train|training)([-_]?\d{4})?$/i,
  val: /^(val|valid|validation|dev)([-_]?\d{4})?$/i,
  test: /^(test|testing)([-_]?\d{4})?$/i,
} as const;

type Split = keyof typeof words;
type Roots = Partial<Record<Split, string>>;

const valShare = 0.2;
/** Below this a page would be busy for too long with reading alone. */
const mostFiles = 200_000;

/**
 * @param splits where the annotations of pictures that are split here go
 * @throws DataError `pictures_missing` `annotations_missing`
 */
export async function arrangeData(folder: string, splits = '/home/splits'): Promise<DataArrangement> {
  const paths = (await listBelow(folder)).map(({ path }) => path);
  if (paths.length > mostFiles) throw tooMany(folder, paths.length);
  const pictures = paths.filter(isPicture);
  if (pictures.length === 0) throw withoutPictures(folder, paths.length);
  const roots = splitRoots(pictures, folder);
  if (roots.train !== undefined && roots.val !== undefined) return withSplits(paths, roots as SplitPlaces);
  return splitHere(paths, pictures, folder, splits);
}

/** A place that only the worker's volumes can read (`/Volumes/…`): its splits must be there already. */
export function arrangeListing(place: string, names: readonly string[]): DataArrangement {
  const root = place.replace(/\/+$/, '');
  const paths = names.map((name) => `${root}/${name}`);
  const pictures = paths.filter(isPicture);
  if (pictures.length === 0) throw withoutPictures(root, paths.length);
  const roots = splitRoots(pictures, root);
  if (roots.train !== undefined && roots.val !== undefined) return withSplits(paths, roots as SplitPlaces);
  throw new DataError({
    code: 'splits_missing',
    expected: `folders for training and validation in ${root}, such as train and val`,
    received: `${pictures.length} pictures without them`,
    fix: 'name both folders in the recipe (data.train_data_path, data.val_data_path)',
  });
}

type SplitPlaces = Roots & { readonly train: string; readonly val: string };

/** The folder of each split: the path to the first part that names one, and `images` below it where all pictures are there. */
function splitRoots(pictures: readonly string[], folder: string): Roots {
  const below: Record<Split, string[]> = { train: [], val: [], test: [] };
  const roots: Roots = {};
  for (const picture of pictures) {
    const parts = picture
      .slice(folder.length + 1)
      .split('/')
      .slice(0, -1);
    for (const split of ['train', 'val', 'test'] as const) {
      const at = parts.findIndex((part) => words[split].test(part));
      if (at < 0) continue;
      roots[split] ??= `${folder}/${parts.slice(0, at + 1).join('/')}`;
      if (picture.startsWith(`${roots[split]}/`)) below[split].push(picture);
      break;
    }
  }
  for (const split of ['train', 'val', 'test'] as const) {
    const root = roots[split];
    if (root && below[split].every((picture) => picture.startsWith(`${root}/images/`))) {
      roots[split] = `${root}/images`;
    }
  }
  return roots;
}

function withSplits(paths: readonly string[], roots: SplitPlaces): DataArrangement {
  const data: Record<string, string | null> = {};
  for (const split of ['train', 'val', 'test'] as const) {
    data[`${split}_data_path`] = roots[split] ?? null;
    data[`${split}_annotation_file`] =
      roots[split] === undefined ? null : (annotationFile(paths, split) ?? null);
  }
  const hasBoxes =
    data.train_annotation_file !== null ||
    paths.some((path) =>
      /(annotations|instances|_annotations\.coco)\.json$|\.xml$|(^|\/)labels\/.*\.txt$/i.test(path),
    ) ||
    paths.some((path) => /\/(data|dataset)\.ya?ml$/i.test(path));
  return {
    data: { ...data, format: null },
    task: hasBoxes ? 'detection' : 'classification',
    split: false,
    setAside: [],
  };
}

/** COCO files are named after their split: `instances_train2017.json`, `train.json`. */
function annotationFile(paths: readonly string[], split: Split): string | undefined {
  const named = paths.filter((path) => {
    const [name = ''] = path.split('/').slice(-1);
    if (!/\.json$/i.test(name) || /caption|keypoint|panoptic|stuff/i.test(name)) return false;
    return name
      .replace(/\.json$/i, '')
      .split(/[-_.]/)
      .some((part) => words[split].test(part));
  });
  return named.find((path) => /instances/i.test(path)) ?? named[0];
}

/** One set of pictures: as COCO, split by a seed, so that the same folder is always split alike. */
async function splitHere(
  paths: readonly string[],
  pictures: readonly string[],
  folder: string,
  splits: string,
): Promise<DataArrangement> {
  const from = withoutWrapping(paths, folder);
  const written = cocoFile(paths);
  if (written === undefined && isBare(paths, pictures, from)) throw withoutAnnotations(from, pictures.length);
  const place = `${splits}/${folder.split('/').at(-1)}-${await fingerprint(paths)}`;
  const whole = written ?? `${place}/all.json`;
  const converted = written === undefined ? await convertDataset({ from, out: whole }) : undefined;
  const coco = JSON.parse(new TextDecoder().decode(await files.read(whole))) as Coco;
  const val = chooseVal(coco);
  await files.write(`${place}/train.json`, JSON.stringify(part(coco, ({ id }) => !val.has(id))));
  await files.write(`${place}/val.json`, JSON.stringify(part(coco, ({ id }) => val.has(id))));
  if (written === undefined) await files.remove(whole);
  return {
    data: {
      train_data_path: from,
      train_annotation_file: `${place}/train.json`,
      val_data_path: from,
      val_annotation_file: `${place}/val.json`,
      test_data_path: null,
      test_annotation_file: null,
      format: null,
    },
    task: converted?.format === 'folder' ? 'classification' : 'detection',
    split: true,
    setAside: (converted?.setAside ?? []).map(({ fileName, reason }) => ({ fileName, reason })),
  };
}

/** As much of COCO's file as splitting needs; the reader of the data checks the rest. */
interface Coco {
  readonly images: readonly { readonly id: number | string }[];
  readonly annotations: readonly { readonly image_id: number | string; readonly category_id: number }[];
}

/** Of the images of every class one in five, at least one. */
function chooseVal({ images, annotations }: Coco): ReadonlySet<number | string> {
  const classOf = new Map<number | string, number>();
  for (const { image_id, category_id } of annotations) {
    if (!classOf.has(image_id)) classOf.set(image_id, category_id);
  }
  const byClass = new Map<number, Coco['images'][number][]>();
  for (const image of images) {
    const category = classOf.get(image.id) ?? -1;
    const members = byClass.get(category);
    if (members) members.push(image);
    else byClass.set(category, [image]);
  }
  const val = new Set<number | string>();
  for (const [category, members] of byClass) {
    if (members.length < 2) continue;
    const count = Math.max(1, Math.round(members.length * valShare));
    const order = permutation(members.length, derive(1, 'split', category));
    for (const position of order.subarray(0, count)) val.add(members[position]!.id);
  }
  return val;
}

function part(coco: Coco, keep: (image: Coco['images'][number]) => boolean): Coco {
  const images = coco.images.filter(keep);
  const ids = new Set(images.map(({ id }) => id));
  return { ...coco, images, annotations: coco.annotations.filter(({ image_id }) => ids.has(image_id)) };
}

/** Archives often hold one folder that holds everything. */
function withoutWrapping(paths: readonly string[], folder: string): string {
  const own = paths.filter((path) => !/\/(__MACOSX|\.[^/]+)(\/|$)/.test(path));
  const [first = ''] = own;
  const [next, ...rest] = first.slice(folder.length + 1).split('/');
  const inner = `${folder}/${next}`;
  if (rest.length < 2 || !own.every((path) => path.startsWith(`${inner}/`))) return folder;
  return withoutWrapping(own, inner);
}

const cocoFile = (paths: readonly string[]): string | undefined =>
  paths.find((path) => /(^|[/_.-])(annotations|instances|coco|labels)[^/]*\.json$/i.test(path)) ??
  paths.find((path) => /\.json$/i.test(path));

/** Nothing but pictures in one folder: nobody said what is on them. */
function isBare(paths: readonly string[], pictures: readonly string[], from: string): boolean {
  return (
    pictures.every((path) => !path.slice(from.length + 1).includes('/')) &&
    !paths.some((path) => /\.(xml|txt|ya?ml)$/i.test(path))
  );
}

async function fingerprint(paths: readonly string[]): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(paths.join('\n')));
  return Array.from(new Uint8Array(digest, 0, 4), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function tooMany(folder: string, count: number): DataError {
  return new DataError({
    code: 'too_many_files',
    expected: `at most ${mostFiles} files in ${folder}`,
    received: String(count),
    fix: 'choose the folder of the data set itself, or train it with the command line (ocelli train)',
  });
}

function withoutPictures(folder: string, count: number): DataError {
  return new DataError({
    code: 'pictures_missing',
    expected: `pictures (JPEG, PNG, WebP, GIF, AVIF) in ${folder}`,
    received: count === 0 ? 'an empty folder' : `${count} files, none of them a picture`,
    fix: 'choose the folder that holds the pictures and their annotations',
  });
}

function withoutAnnotations(folder: string, count: number): DataError {
  return new DataError({
    code: 'annotations_missing',
    expected: `annotations beside the ${count} pictures in ${folder}`,
    received: 'pictures alone',
    fix: 'sort the pictures into a folder per class, or add COCO, VOC or YOLO annotations, and choose the folder again',
  });
}
