/**
 * Whether the parts of a COCO file fit together: ids that occur twice, annotations of images or categories
 * that the file doesn't have, boxes without area or outside their image, negative areas. Everything that is found is returned;
 * the caller decides what it can live with.
 */
import type { BoxXywh, Size } from '../../core/index.ts';
import type { CocoColumnsFile } from './columns.ts';
import type { CocoFile, CocoId, CocoImage, CocoObject, CocoReading } from './types.ts';

type AnyFile = CocoFile | CocoColumnsFile;

export interface CocoProblem {
  readonly code:
    | 'coco_invalid'
    | 'duplicate_image_id'
    | 'duplicate_annotation_id'
    | 'duplicate_category_id'
    | 'duplicate_category_name'
    | 'duplicate_file_name'
    | 'dangling_image_id'
    | 'dangling_category_id'
    | 'image_without_size'
    | 'box_missing'
    | 'box_without_area'
    | 'box_outside_image'
    | 'area_negative'
    | 'mask_of_other_size';
  /** An error makes the file ambiguous or wrong; a warning is worth a look. */
  readonly severity: 'error' | 'warning';
  /** JSON path: `annotations[17].image_id`. */
  readonly path: string;
  readonly message: string;
  readonly imageId?: CocoId;
}

/** A box may reach this far over the edge: tools round. In pixels. */
const edgeTolerance = 1;

/** What a file says wrongly, and what does not fit together in the rest of it. */
export function* findReadingProblems(reading: CocoReading<AnyFile>): Iterable<CocoProblem> {
  const wrong = new Set<string>();
  for (const { path, message } of reading.complaints) {
    wrong.add(itemOf(path));
    yield { code: 'coco_invalid', severity: 'error', path, message };
  }
  for (const problem of findCocoProblems(reading.file, reading)) {
    // What follows from a field that was left out has been told.
    const follows = problem.code === 'image_without_size' || problem.code === 'box_missing';
    if (!(follows && wrong.has(itemOf(problem.path)))) yield problem;
  }
}

/** `annotations[17].bbox` → `annotations[17]` */
function itemOf(path: string): string {
  return path.slice(0, path.indexOf(']') + 1);
}

type Context = Pick<CocoReading, 'positions' | 'lostImages' | 'lostCategories'>;

/**
 * What does not fit together in a file.
 *
 * @param context where the items stood, and which ids were there too, when some could not be read
 */
export function* findCocoProblems(file: AnyFile, context?: Context): Iterable<CocoProblem> {
  const pathOf = (list: keyof CocoFile, i: number): string => `${list}[${context?.positions[list][i] ?? i}]`;
  const images = new Map<CocoId, CocoImage>();
  const names = new Set<string>();
  for (const [position, image] of file.images.entries()) {
    const at = { path: pathOf('images', position), imageId: image.id };
    if (images.has(image.id)) {
      yield { code: 'duplicate_image_id', severity: 'error', message: `image id ${image.id} again`, ...at };
    }
    if (names.has(image.file_name)) {
      const message = `${image.file_name} is listed again`;
      yield { code: 'duplicate_file_name', severity: 'warning', message, ...at };
    }
    if (image.width === 0 || image.height === 0) {
      const message = `${image.file_name} has no width and height`;
      yield { code: 'image_without_size', severity: 'warning', message, ...at };
    }
    images.set(image.id, image);
    names.add(image.file_name);
  }
  const categories = yield* categoryProblems(file, pathOf);
  const ids = new Set<number>();
  let position = 0;
  for (const annotation of file.annotations) {
    const path = pathOf('annotations', position++);
    const image = images.get(annotation.image_id);
    const at = { severity: 'error', imageId: annotation.image_id } as const;
    if (ids.has(annotation.id)) {
      const message = `annotation id ${annotation.id} again`;
      yield { code: 'duplicate_annotation_id', path: `${path}.id`, message, ...at };
    }
    ids.add(annotation.id);
    if (!image && !context?.lostImages.has(annotation.image_id)) {
      const message = `no image has the id ${annotation.image_id}`;
      yield { code: 'dangling_image_id', path: `${path}.image_id`, message, ...at };
    }
    const { category_id } = annotation;
    if (!categories.has(category_id) && !context?.lostCategories.has(category_id)) {
      const message = `no category has the id ${category_id}`;
      yield { code: 'dangling_category_id', path: `${path}.category_id`, message, ...at };
    }
    if (!annotation.bbox) {
      const message = 'no bbox, and no segmentation to take it from';
      yield { code: 'box_missing', path, message, ...at };
    }
    if (image) yield* shapeProblems(annotation, image, path);
  }
}

function* categoryProblems(
  file: AnyFile,
  pathOf: (list: keyof CocoFile, i: number) => string,
): Generator<CocoProblem, ReadonlySet<number>> {
  const ids = new Set<number>();
  const names = new Set<string>();
  for (const [position, { id, name }] of file.categories.entries()) {
    const at = { severity: 'error', path: pathOf('categories', position) } as const;
    if (ids.has(id)) yield { code: 'duplicate_category_id', message: `category id ${id} again`, ...at };
    if (names.has(name)) {
      yield { code: 'duplicate_category_name', message: `a category is called ${name} again`, ...at };
    }
    ids.add(id);
    names.add(name);
  }
  return ids;
}

function* shapeProblems(annotation: CocoObject, image: CocoImage, path: string): Iterable<CocoProblem> {
  const at = { severity: 'warning', imageId: image.id } as const;
  const { bbox, area, segmentation } = annotation;
  const odd = bbox && boxProblem(bbox, image);
  if (odd) yield { path: `${path}.bbox`, ...odd, ...at };
  // An area that was taken from a box with a negative side was told with the box.
  if (area !== undefined && area < 0 && !(bbox && area === bbox[2] * bbox[3])) {
    const message = `the area is ${area}; COCO metrics leave out objects of negative area`;
    yield { code: 'area_negative', path: `${path}.area`, message, ...at };
  }
  if (segmentation && 'size' in segmentation && image.width > 0) {
    const [height, width] = segmentation.size;
    if (height !== image.height || width !== image.width) {
      const message = `the mask is ${width} × ${height}, its image ${image.width} × ${image.height}`;
      yield {
        code: 'mask_of_other_size',
        severity: 'error',
        path: `${path}.segmentation.size`,
        message,
        imageId: image.id,
      };
    }
  }
}

/** What is odd about a box in an image; a side of 0 means that the image's size is not known. */
export function boxProblem(
  bbox: BoxXywh,
  image: Size,
): { readonly code: 'box_without_area' | 'box_outside_image'; readonly message: string } | undefined {
  const [x, y, width, height] = bbox;
  const shown = `[${bbox.map((value) => Number(value.toFixed(2))).join(', ')}]`;
  if (width <= 0 || height <= 0) {
    return { code: 'box_without_area', message: `the box ${shown} has no area` };
  }
  const outside =
    x < -edgeTolerance ||
    y < -edgeTolerance ||
    x + width > image.width + edgeTolerance ||
    y + height > image.height + edgeTolerance;
  if (!outside || image.width === 0 || image.height === 0) return undefined;
  const message = `the box ${shown} reaches outside its image of ${image.width} × ${image.height}`;
  return { code: 'box_outside_image', message };
}
