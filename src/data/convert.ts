/**
 * Other formats to COCO: VOC, YOLO and class folders become one annotation file, JSON or a table (`.parquet`),
 * which stays true where the source is; and the one becomes the other. Class folders give an annotation per picture
 * that covers it whole.
 */
import { DataError } from '../core/index.ts';
import { areNumbers, TableWriter } from '../formats/coco/index.ts';
import { openPlace } from '../storage/index.ts';
import { mapLimited, orSetAside, readPictureSize } from './picture-sizes.ts';
import type { RawDataset, RawImage } from './raw.ts';
import { type FileFormat, readRawDataset } from './read.ts';
import { isTable } from './readers/annotation-file.ts';
import type { SetAside } from './types.ts';

export interface ConvertOptions {
  /** The folder of the images. */
  readonly from: string;
  readonly format?: FileFormat | 'auto';
  /** VOC: the list of image ids. YOLO: the file with the class names. */
  readonly annotationFile?: string;
  /** Where the COCO file goes; file names in it are relative to `from`. */
  readonly out: string;
  readonly signal?: AbortSignal;
}

export interface Converted {
  readonly format: string;
  readonly images: number;
  readonly annotations: number;
  readonly classes: readonly string[];
  /** Pictures that can't be read, which are left out. */
  readonly setAside: readonly SetAside[];
}

export async function convertDataset(options: ConvertOptions): Promise<Converted> {
  const { from, format, annotationFile, signal } = options;
  const raw = await readRawDataset({ place: from, format, annotationFile, needsBoxes: false, signal });
  const { images, setAside } = await withSizes(raw, signal);
  if (images.length === 0) {
    throw new DataError({
      code: 'nothing_to_convert',
      expected: `pictures of a data set in ${from}`,
      received: setAside.length > 0 ? `${setAside.length} that can't be read, and no other` : 'none',
      fix: 'name the folder above the class folders, or the root of a VOC or YOLO data set',
    });
  }
  const coco = toCoco({ categories: raw.categories, images });
  const { volume, path } = await openPlace(options.out);
  if (isTable(options.out)) {
    await volume.write(path, toTable(coco), { contentType: 'application/vnd.apache.parquet' });
  } else await volume.write(path, JSON.stringify(coco), { contentType: 'application/json' });
  return {
    format: raw.format,
    images: images.length,
    annotations: coco.annotations.length,
    classes: raw.categories.map(({ name }) => name),
    setAside,
  };
}

/** COCO's JSON. */
export function toCoco({ categories, images }: Pick<RawDataset, 'categories' | 'images'>) {
  let nextId = images.reduce(
    (most, image) => image.annotations.reduce((id, annotation) => Math.max(id, annotation.id), most),
    0,
  );
  return {
    images: images.map(({ id, fileName, width, height }) => ({ id, file_name: fileName, width, height })),
    annotations: images.flatMap((image) => [
      ...image.annotations.map((annotation) => ({
        id: annotation.id,
        image_id: image.id,
        category_id: annotation.categoryId,
        bbox: annotation.bbox,
        area: annotation.area,
        iscrowd: annotation.iscrowd ? 1 : 0,
        ...(annotation.segmentation && { segmentation: annotation.segmentation }),
        ...(annotation.keypoints && {
          keypoints: annotation.keypoints,
          num_keypoints: annotation.keypoints.filter((value, i) => i % 3 === 2 && value > 0).length,
        }),
      })),
      ...image.categoryIds.map((categoryId) => ({
        id: ++nextId,
        image_id: image.id,
        category_id: categoryId,
        bbox: [0, 0, image.width, image.height],
        area: image.width * image.height,
        iscrowd: 0,
      })),
    ]),
    categories: categories.map(({ id, name, supercategory }) => ({
      id,
      name,
      ...(supercategory !== undefined && { supercategory }),
    })),
  };
}

/** COCO's objects as a table (Parquet), a row each; an image without objects is a row of its own. */
export function toTable({ images, annotations, categories }: ReturnType<typeof toCoco>): Uint8Array {
  const writer = new TableWriter(categories, areNumbers(images.map(({ id }) => id)));
  const ofImage = new Map(images.map(({ id }) => [id, [] as (typeof annotations)[number][]]));
  for (const annotation of annotations) ofImage.get(annotation.image_id)!.push(annotation);
  for (const { id, ...image } of images) {
    const objects = ofImage.get(id)!;
    if (objects.length === 0) writer.add({ image_id: id, ...image });
    for (const { iscrowd, ...object } of objects) writer.add({ ...image, ...object, iscrowd: iscrowd === 1 });
  }
  return writer.finish();
}

async function withSizes(
  raw: RawDataset,
  signal?: AbortSignal,
): Promise<{ readonly images: RawImage[]; readonly setAside: SetAside[] }> {
  const setAside: SetAside[] = [];
  const images = await mapLimited(raw.images, 16, async (image): Promise<RawImage | undefined> => {
    // Sizes that the annotations give are checked too: a picture that is missing is left out and said.
    const result = await orSetAside(image, () => readPictureSize(raw.open(image.fileName), signal));
    if ('value' in result) return image.width > 0 ? image : { ...image, ...result.value };
    setAside.push(result.bad);
    return undefined;
  });
  return { images: images.filter((image) => image !== undefined), setAside };
}
