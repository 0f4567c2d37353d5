/** Pictures of a split with their annotations drawn on them, for the page of `ocelli data stats`. */
import { decodeImage, encodeImage } from '#platform';
import { OcelliError } from '../core/index.ts';
import type { Dataset, ImageRecord } from '../data/index.ts';
import type { DataReportSample } from '../reports/index.ts';
import { drawAnnotations } from '../tasks/index.ts';
import { resize } from '../vision/index.ts';
import { some } from './format.ts';

const longestSide = 480;

/** Evenly spread over the split. Pictures that can't be read are left out: `ocelli data check` tells about them. */
export async function samplePictures(dataset: Dataset, count: number): Promise<DataReportSample[]> {
  const { records } = dataset;
  const step = Math.max(1, Math.floor(records.length / Math.max(1, count)));
  const chosen = records.filter((_, i) => i % step === 0).slice(0, count);
  const samples = await Promise.all(chosen.map((record) => samplePicture(dataset, record)));
  return samples.filter((sample) => sample !== undefined);
}

async function samplePicture(dataset: Dataset, record: ImageRecord): Promise<DataReportSample | undefined> {
  try {
    const image = await decodeImage(await dataset.open(record).read());
    const drawn =
      record.annotations.length > 0
        ? await drawAnnotations(image, record.annotations, dataset.classes)
        : image;
    const scale = Math.min(1, longestSide / Math.max(drawn.width, drawn.height));
    const size = { height: Math.round(drawn.height * scale), width: Math.round(drawn.width * scale) };
    const bytes = await encodeImage(scale < 1 ? resize(drawn, size, 'bilinear') : drawn, 'jpeg');
    return {
      fileName: record.fileName,
      caption: captionOf(dataset, record),
      picture: { bytes, mediaType: 'image/jpeg' },
    };
  } catch (error) {
    if (error instanceof OcelliError) return undefined;
    throw error;
  }
}

function captionOf({ classes }: Dataset, { labels, annotations }: ImageRecord): string {
  const all =
    labels.length > 0 ? labels : annotations.map(({ categoryId }) => classes.labelOf(categoryId) ?? -1);
  const counts = new Map<string, number>();
  for (const label of all) {
    const name = classes.categoryOf(label)?.name ?? 'unknown';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const words = [...counts].map(([name, count]) => (count > 1 ? `${count} × ${name}` : name));
  return words.length > 0 ? some(words, 6) : 'no annotation';
}
