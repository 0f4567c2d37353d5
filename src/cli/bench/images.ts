/**
 * From a JPEG of 640 × 480 to a training sample of 224 × 224 as ViT's processor makes it, with a flip, one
 * picture after the other in one thread: median of five rounds of half a second.
 */
import { encodeImage } from '#platform';
import { createPrepare, type PrepareRequest } from '../../data/index.ts';
import { type BenchContext, median } from './rows.ts';

const processorConfig = {
  image_processor_type: 'ViTImageProcessor',
  do_resize: true,
  do_rescale: true,
  do_normalize: true,
  resample: 2,
  size: { height: 224, width: 224 },
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
};

export async function benchImages({ row, signal }: BenchContext): Promise<void> {
  const [height, width] = [480, 640];
  // Smooth with some grain, as photographs are.
  const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    const grain = (Math.imul(i, 0x9e3779b1) >>> 28) - 8;
    return 128 + 100 * Math.sin((pixel % width) / 40 + (i % 3)) * Math.cos(pixel / width / 50) + grain;
  });
  const prepare = createPrepare({
    processorConfig,
    augmentations: [{ type: 'horizontal_flip', p: 0.5 }],
    task: 'classification',
    seed: 1,
    categoryIds: [1],
  });
  const request: PrepareRequest = {
    picture: await encodeImage({ height, width, data }, 'jpeg'),
    record: { id: 1, fileName: 'bench.jpg', height, width, annotations: [], labels: [0] },
    index: 0,
    epoch: 0,
    place: 0,
  };
  const rates: number[] = [];
  for (let round = 0; round < 6; round++) {
    signal.throwIfAborted();
    const start = performance.now();
    let count = 0;
    while (performance.now() - start < 500) {
      await prepare({ ...request, place: count++ });
    }
    rates.push((1000 * count) / (performance.now() - start));
  }
  // The first round warms up.
  row({ case: 'images', metric: 'images_per_second', value: median(rates.slice(1)), unit: 'images/s' });
}
